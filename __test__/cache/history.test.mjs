// Histories of a cache in three processes, one of which may be killed, judged against a register with deletes and flights.

import { describe, expect, it } from 'vitest';
import { judge } from '../fixtures/history/judge.mjs';
import { isExplained } from '../fixtures/history/linearize.mjs';
import {
  DoubleClaim,
  LostUpdate,
  Model,
  recordsOf,
  StaleAnswer,
  StaleFill,
} from '../fixtures/history/models.mjs';
import { runHistory } from '../fixtures/history/run.mjs';
import { shrink } from '../fixtures/history/shrink.mjs';

const at = (from, to, kind, more = {}) => ({ from, to, kind, ...more });
const set = (from, to, value, more) => at(from, to, 'set', { value, ...more });
const read = (from, to, saw) => at(from, to, 'read', { saw });
const gone = (from, to, saw) => at(from, to, 'delete', { saw });
const claim = (from, to, flight, force = false) => at(from, to, 'claim', { flight, force });
const finish = (from, to, flight, more) => at(from, to, 'finish', { flight, value: flight, ...more });
const join = (from, to, saw) => at(from, to, 'join', { saw });
const swap = (from, to, was, value, saw) => at(from, to, 'swap', { was, value, saw });
const invalidate = (from, to) => at(from, to, 'invalidate', { tag: 't' });
const takes = { stale: true };
const maybe = { maybe: true };

describe('a history that can be', () => {
  it.each([
    ['nothing at all', []],
    ['a value of another tag', [set(0, 1, 'x'), invalidate(2, 3), read(4, 5, 'x')]],
    [
      'a value that one of two replaces',
      [set(0, 1, 'x'), swap(2, 5, 'x', 'y', true), swap(3, 6, 'x', 'z', false), read(7, 8, 'y')],
    ],
    ['a value that is read after it is set', [set(0, 1, 'x'), read(2, 3, 'x')]],
    [
      'two writes at once, read in either order',
      [set(0, 9, 'x'), set(1, 8, 'y'), read(10, 11, 'x'), read(12, 13, 'x')],
    ],
    ['a read at once with a write, before it', [set(0, 9, 'x'), read(1, 2, undefined), read(3, 4, 'x')]],
    [
      'a write of a process that was killed, seen late',
      [set(0, 0, 'x', maybe), read(5, 6, undefined), read(7, 8, 'x')],
    ],
    ['a write of a process that was killed, never seen', [set(0, 0, 'x', maybe), read(5, 6, undefined)]],
    ['two deletes at once of one value', [set(0, 1, 'x'), gone(2, 5, true), gone(3, 6, false)]],
    ['a flight that stores', [claim(0, 1, 'f'), finish(2, 3, 'f'), read(4, 5, 'f')]],
    [
      'a flight that is void, and does not store',
      [claim(0, 1, 'f'), gone(2, 3, false), finish(4, 5, 'f'), read(6, 7, undefined)],
    ],
    [
      'who asked before the change, and is told after it',
      [claim(0, 1, 'f'), join(2, 9, 'f'), set(3, 4, 'x'), finish(5, 6, 'f'), read(7, 8, 'x')],
    ],
    [
      'a flight without tags that stores after a tag was invalidated',
      [claim(0, 1, 'f'), invalidate(2, 3), finish(4, 5, 'f'), read(6, 7, 'f')],
    ],
    [
      'a flight of another tag that an invalidation has left alone, and one that it has not',
      [
        claim(0, 1, 'f#u'),
        invalidate(2, 3),
        finish(4, 5, 'f#u'),
        read(6, 7, 'f#u'),
        claim(8, 9, 'g#u', true),
        invalidate(10, 11),
        finish(12, 13, 'g#u'),
        read(14, 15, 'f#u'),
      ],
    ],
    [
      'a value that has expired, and is given to who takes a stale one',
      [set(0, 1, 'x~'), read(2, 3, undefined), { ...join(4, 5, 'x~'), ...takes }, gone(6, 7, true)],
    ],
    [
      'a replaced flight that stores since the newer one failed',
      [
        claim(0, 1, 'f'),
        claim(2, 3, 'g', true),
        finish(4, 5, 'g', { failed: true }),
        finish(6, 7, 'f'),
        read(8, 9, 'f'),
      ],
    ],
  ])('%s', (_, history) => {
    expect(isExplained(history)).toBe(true);
  });
});

describe('a history that cannot be', () => {
  it.each([
    ['a value of nobody', [read(0, 1, 'x')]],
    ['a value after one of its tags', [set(0, 1, 'x#t'), invalidate(2, 3), read(4, 5, 'x#t')]],
    [
      'a flight that stores what bears a tag after it was invalidated',
      [claim(0, 1, 'f#t'), invalidate(2, 3), finish(4, 5, 'f#t'), read(6, 7, 'f#t')],
    ],
    [
      'a flight without tags that does not store after a tag was invalidated',
      [claim(0, 1, 'f'), invalidate(2, 3), finish(4, 5, 'f'), read(6, 7, undefined)],
    ],
    [
      'a value that has expired, given to who takes no stale one',
      [set(0, 1, 'x~'), read(2, 3, undefined), join(4, 5, 'x~')],
    ],
    ['a value that had expired, and is read', [set(0, 1, 'x~'), read(2, 3, undefined), read(4, 5, 'x~')]],
    [
      'a stale value after a change',
      [set(0, 1, 'x~'), read(2, 3, undefined), gone(4, 5, true), { ...join(6, 7, 'x~'), ...takes }],
    ],
    [
      'a value that two have taken',
      [set(0, 1, 'x'), at(2, 5, 'take', { saw: 'x' }), at(3, 6, 'take', { saw: 'x' })],
    ],
    [
      'a value that two have replaced',
      [set(0, 1, 'x'), swap(2, 5, 'x', 'y', true), swap(3, 6, 'x', 'z', true)],
    ],
    ['a value after its delete', [set(0, 1, 'x'), gone(2, 3, true), read(4, 5, 'x')]],
    [
      'a read of the old value after one of the new',
      [set(0, 1, 'x'), set(2, 9, 'y'), read(3, 4, 'y'), read(5, 6, 'x')],
    ],
    [
      'two claims that both won',
      [
        at(0, 5, 'setIfAbsent', { value: 'x', saw: true }),
        at(1, 4, 'setIfAbsent', { value: 'y', saw: true }),
      ],
    ],
    ['two counts that are one', [at(0, 5, 'incr', { saw: 1 }), at(1, 4, 'incr', { saw: 1 })]],
    ['a value of a killed process from before it was written', [read(0, 1, 'x'), set(2, 2, 'x', maybe)]],
    ['a stale fill', [claim(0, 1, 'f'), gone(2, 3, false), finish(4, 5, 'f'), read(6, 7, 'f')]],
    [
      'who asked after the change, and is told of before it',
      [claim(0, 1, 'f'), set(2, 3, 'x'), join(4, 9, 'f'), finish(5, 6, 'f')],
    ],
    ['a flight that does not store', [claim(0, 1, 'f'), finish(2, 3, 'f'), read(4, 5, undefined)]],
    [
      'a replaced flight that stores over the newer one',
      [claim(0, 1, 'f'), claim(2, 3, 'g', true), finish(4, 5, 'g'), finish(6, 7, 'f'), read(8, 9, 'f')],
    ],
  ])('%s', (_, history) => {
    expect(isExplained(history)).toBe(false);
  });

  it('is shown as the steps alone that it takes', () => {
    const noise = Array.from({ length: 30 }, (_, index) => [
      set(100 + index * 10, 101 + index * 10, `n${index}`),
      read(102 + index * 10, 103 + index * 10, `n${index}`),
    ]).flat();
    const stale = [claim(1000, 1001, 'f'), gone(1002, 1003), finish(1004, 1005, 'f'), read(1006, 1007, 'f')];
    const before = gone(900, 901, true);
    expect(shrink([...noise, before, ...stale, read(1008, 1009, 'f')])).toEqual(stale);
  });
});

describe('what clients leave', () => {
  const found = async (Cache) => {
    for (let seed = 1; seed <= 10; seed++) {
      const { violations, undecided } = judge(await recordsOf(new Cache(), seed));
      expect(undecided).toBe(0);
      if (violations.length > 0) return violations[0];
    }
  };

  it('of a model that is right is explained', async () => {
    expect(await found(Model)).toBeUndefined();
  });

  it.each([
    ['stores what is outdated', StaleFill],
    ['answers with what is outdated', StaleAnswer],
    ['loses counts', LostUpdate],
    ['lets two claim', DoubleClaim],
  ])('of a model that %s is not', async (_, Cache) => {
    const text = await found(Cache);
    expect(text).toContain('cannot be explained');
    expect(text?.split('\n').length).toBeLessThan(12);
  });
});

describe('what a killed process leaves', () => {
  const step = { op: 'fetch', key: 'a', delay: 0, fails: false, lease: 30_000 };
  const led = [
    { id: '0w0', at: 0, step: { ...step, value: 'x', forceRefresh: true } },
    { id: '0w0', started: 'xf0', at: 1 },
    { id: '0w0', ended: 'xf0', at: 10 },
    { id: '0w0', to: 12, r: 'xf0' },
    { id: '0x0', at: 20, step: { op: 'get', key: 'a' } },
    { id: '0x0', to: 21, r: null },
  ];

  it('may have taken the place of a flight, if it began to ask before that ended', () => {
    const asked = (at) => ({ id: '1w0', at, step: { ...step, value: 'y', forceRefresh: true } });
    expect(judge([...led, asked(5)]).violations).toEqual([]);
    expect(judge([...led, asked(15)]).violations).toHaveLength(1);
    expect(judge(led).violations).toHaveLength(1);
  });
});

describe('a cache that three processes use, and kills', () => {
  it.each([
    ['shared', 4000],
    ['ipc', 2000],
  ])(
    'is a register in every history, %s',
    async (transport, milliseconds) => {
      const seed = Math.floor(Math.random() * 2 ** 30) + 1;
      const { sum, violations, stderr } = await runHistory({ transport, milliseconds, seed });
      expect(violations).toEqual([]);
      expect(sum, stderr).toMatchObject({ violations: 0, undecided: 0 });
      expect([sum.operations > 500, sum.kills > 0]).toEqual([true, true]);
    },
    60_000,
  );
});
