// The manager against lru-cache 11 with `updateAgeOnGet`, on a clock that both are given: a hundred thousand random
// steps, and no difference.
//
// One rule of the document is not lru-cache's: what has expired goes at the next fork and is there until then. So
// lru-cache is told to keep what is stale, its `purgeStale` is called where the document sweeps, and a stale entry
// that is asked for is set again, because there asking for it starts its time to live anew.

import { createRequire } from 'node:module';
import { LRUCache } from 'lru-cache';
import { expect, it } from 'vitest';
import { randomNumbers } from '../fixtures/random.mjs';

const { createScopeManager } = createRequire(import.meta.url)('../../lib/native/loader.js');

const STEPS = 100_000;

/** The addon's manager, and the numbers of the scopes in its slots, as the server scope keeps them. */
class Native {
  constructor(max, ttl) {
    this.manager = createScopeManager(max, ttl, 0);
    this.slots = [];
    this.forked = 0;
  }

  fork(now) {
    const answer = this.manager.fork(now);
    const slot = answer < 0 ? -1 - answer : answer;
    const left = answer < 0 ? this.manager.evicted().map((each) => this.take(each)) : [];
    if (this.slots[slot] !== undefined) left.push(this.slots[slot]);
    this.slots[slot] = this.forked++;
    return left;
  }

  get(number, now) {
    const slot = this.manager.touch(number, now);
    return slot < 0 ? undefined : this.slots[slot];
  }

  delete(number) {
    const slot = this.manager.remove(number);
    if (slot >= 0) this.take(slot);
    return slot >= 0;
  }

  clear() {
    return this.manager.clear().map((slot) => this.take(slot));
  }

  take(slot) {
    const number = this.slots[slot];
    this.slots[slot] = undefined;
    return number;
  }
}

/** `expect` is too slow to be called for each of a million comparisons. */
function same(actual, expected) {
  if (actual !== expected) expect(actual).toBe(expected);
}

class Reference {
  constructor(max, ttl, clock) {
    this.left = [];
    this.forked = 0;
    this.cache = new LRUCache({
      max,
      ttl,
      ttlResolution: 0,
      updateAgeOnGet: true,
      allowStale: true,
      noDeleteOnStaleGet: true,
      perf: { now: () => clock.now },
      dispose: (number, _key, reason) => {
        if (reason === 'evict' || reason === 'expire') this.left.push(number);
      },
    });
  }

  fork() {
    this.cache.purgeStale();
    // lru-cache purges from the newest to the oldest; the document's sweep walks from the oldest.
    const swept = this.left.splice(0).sort((a, b) => this.usedAt.get(a) - this.usedAt.get(b));
    this.cache.set(this.forked, this.forked);
    this.forked++;
    return [...swept, ...this.left.splice(0)];
  }
}

it.each([
  ['few, for a short time', 4, 50, 11],
  ['one', 1, 30, 12],
  ['many, for a long time', 500, 100_000, 13],
  ['many, for a short time', 500, 200, 14],
])('%s: it evicts, expires and finds what lru-cache does', (_what, max, ttl, seed) => {
  const below = randomNumbers(seed);
  const clock = { now: 1_000 };
  const native = new Native(max, ttl);
  const reference = new Reference(max, ttl, clock);
  // The order of use, which lru-cache does not tell of entries that are gone.
  let uses = 0;
  reference.usedAt = new Map();
  const used = (number) => reference.usedAt.set(number, uses++);

  const steps = {
    fork() {
      used(native.forked);
      same(native.fork(clock.now).join(), reference.fork().join());
    },
    get() {
      const number = native.forked - 1 - below(max * 2 + 2);
      const isStale = reference.cache.has(number) === false && reference.cache.peek(number) !== undefined;
      const found = reference.cache.get(number);
      if (isStale) reference.cache.set(number, number);
      if (found !== undefined) used(number);
      same(native.get(number, clock.now), found);
    },
    delete() {
      const number = native.forked - 1 - below(max * 2 + 2);
      same(native.delete(number), reference.cache.delete(number));
      reference.left.length = 0;
    },
    wait() {
      clock.now += below(ttl / 2 + 1);
    },
    clear() {
      if (below(300) > 0) return;
      const all = [...reference.cache.rkeys()];
      const stale = native.clear();
      reference.cache.clear();
      reference.left.length = 0;
      expect(stale.filter((number) => all.includes(number))).toEqual(all);
    },
  };
  const weighted = ['fork', 'fork', 'fork', 'fork', 'get', 'get', 'get', 'delete', 'wait', 'clear'];
  for (let step = 0; step < STEPS; step++) {
    steps[weighted[below(weighted.length)]]();
    same(native.manager.size(), reference.cache.size);
  }
});
