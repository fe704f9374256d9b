import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { Roster } from '../../lib/base/roster.js';
import { randomNumbers } from '../fixtures/random.mjs';

const nobody = () => Array.from({ length: 20 }, (_, number) => ({ number }));
const sorted = (/** @type {Iterable<{ number: number }>} */ members) =>
  [...members].map(({ number }) => number).sort((one, other) => one - other);

describe('a roster', () => {
  it('has the members that a set has, whoever comes and goes', () => {
    const random = randomNumbers(11);
    const people = nobody();
    const roster = new Roster();
    const set = new Set();
    for (let step = 0; step < 5000; step++) {
      const one = people[random(people.length)];
      if (random(2) === 0) expect(roster.delete(one)).toBe(set.delete(one));
      else {
        roster.add(one);
        set.add(one);
      }
      expect(roster.has(one)).toBe(set.has(one));
      expect(roster.size).toBe(set.size);
      expect(sorted(roster)).toEqual(sorted(set));
    }
  });

  it('shows all who were in it, though they go while it is read', () => {
    const people = nobody();
    const roster = new Roster();
    for (const one of people) roster.add(one);
    const seen = [];
    for (const one of roster) {
      roster.delete(one);
      seen.push(one);
    }
    expect(seen).toEqual(people);
    expect(roster.size).toBe(0);
  });

  it('shares a place with another: each member is in one of them', () => {
    const place = Symbol('place');
    const [young, grown] = [new Roster(place), new Roster(place)];
    const people = nobody();
    for (const one of people) young.add(one);
    for (const one of people.slice(0, 10)) {
      expect(grown.delete(one)).toBe(false);
      young.delete(one);
      grown.add(one);
    }
    expect(sorted(grown)).toEqual(sorted(people.slice(0, 10)));
    expect(sorted(young)).toEqual(sorted(people.slice(10)));
    expect(people.every((one) => young.has(one) !== grown.has(one))).toBe(true);
  });

  it('lets those who have gone die young', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc');
    const oldBytes = () =>
      getHeapSpaceStatistics().find(({ space_name: name }) => name === 'old_space')?.space_used_size ?? 0;
    const there = 64;
    const roster = new Roster();
    const line = Array.from({ length: there }, () => ({ load: /** @type {any[]} */ ([]) }));
    for (const one of line) roster.add(one);
    const onward = (/** @type {number} */ count) => {
      for (let come = 0; come < count; come++) {
        const at = come % there;
        roster.delete(line[at]);
        line[at] = { load: Array(100).fill(come) };
        roster.add(line[at]);
      }
    };
    const grown = Array.from({ length: 4 }, () => {
      // From here on those who are there, and where the roster keeps them, are old.
      collect();
      const before = oldBytes();
      // About 80 MB, most of it gone as soon as it has come.
      onward(100_000);
      return oldBytes() - before;
    });
    expect(Math.max(...grown)).toBeLessThan(5e6);
  });
});
