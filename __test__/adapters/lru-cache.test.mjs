// The class of `flotilla/lru-cache` beside that of lru-cache 11, step by step, with a clock that only the test moves. What the
// synchronous view under it does by itself, `__test__/cache/differential.test.mjs` compares.

import { createRequire } from 'node:module';
import { LRUCache as Theirs } from 'lru-cache';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { seededGenerator } from '../../bench/harness/turns.mjs';
import { inCluster } from '../fixtures/cache.mjs';
import { dice, keys, outcome, randomOptions, values } from '../fixtures/cache-draws.mjs';
import { stoppedClock } from '../fixtures/stopped-clock.mjs';

const require = createRequire(import.meta.url);
const { LRUCacheClustered } = require('flotilla');
const { LRUCache } = require('flotilla/lru-cache');

const advance = stoppedClock();
afterEach(() => LRUCacheClustered.getAllCaches().clear());

/** Each draws a call, and makes it on either cache. */
const steps = {
  set(die) {
    const [key, value] = [die.of(keys), die.chance(0.1) ? undefined : structuredClone(die.of(values))];
    const size = die.chance(0.3) ? 1 + die.upTo(5) : undefined;
    const ttl = die.chance(0.3) ? die.of([0, 1, 5, 20]) : undefined;
    const options = { ...(size !== undefined && { size }), ...(ttl !== undefined && { ttl }) };
    return (cache) => cache.set(key, value, options) === cache;
  },
  get: (die) => {
    const key = die.of(keys);
    return (cache) => cache.get(key);
  },
  delete: (die) => {
    const key = die.of(keys);
    return (cache) => cache.delete(key);
  },
  lists: () => (cache) => [
    [...cache.rkeys()],
    [...cache.rvalues()],
    [...cache.rentries()],
    cache.calculatedSize,
  ],
  rforEach: () => (cache) => {
    const seen = [];
    cache.rforEach((value, key, self) => seen.push([key, value, self === cache]));
    return seen;
  },
  find: (die) => {
    const wanted = die.of(values);
    return (cache) => cache.find((value) => value === wanted);
  },
  pop: () => (cache) => {
    // lru-cache also gives what has expired and was not yet removed.
    cache.purgeStale();
    return cache.pop();
  },
  memo: (die) => {
    const [key, forceRefresh] = [die.of(keys), die.chance(0.3)];
    return (cache) => cache.memo(key, { forceRefresh, context: 'c' });
  },
  time: (die, moves) => {
    const wait = die.of([0, 1, 2, 5, 30]);
    return () => moves.push(wait);
  },
};
const often = ['set', 'set', 'set', 'set', 'get', 'get', 'time', ...Object.keys(steps)];

function compare(seed) {
  const die = dice(seededGenerator(seed));
  const { maxEntrySize: _, ...limits } = randomOptions(die);
  const options = {
    ...limits,
    ...(limits.maxSize && {
      sizeCalculation: (value) => (typeof value === 'string' ? 1 + (value.length % 4) : 2),
    }),
    memoMethod: (key, stale, { context }) => `${String(key)} ${JSON.stringify(stale)} ${context}`,
  };
  const ours = new LRUCache({ namespace: `seed ${seed}`, ...options });
  const theirs = new Theirs({ ...options, perf: Date, ttlResolution: 0 });
  for (let step = 0; step < 300; step++) {
    const [name, moves] = [die.of(often), []];
    const call = steps[name](die, moves);
    const came = [ours, theirs].map((cache) => outcome(() => call(cache)));
    if (moves.length > 0) advance(moves[0]);
    else expect(came[0], `seed ${seed}, step ${step}: ${name}`).toEqual(came[1]);
    expect([...ours.entries()], `seed ${seed}, after step ${step}: ${name}`).toEqual([...theirs.entries()]);
  }
}

describe('beside lru-cache 11', () => {
  it('answers, throws, keeps and forgets as that does', () => {
    for (let seed = 1; seed <= Number(process.env.FLOTILLA_TEST_SEEDS ?? 40); seed++) compare(seed);
  });

  it('fetches, forces and memoizes with the same arguments and the same ends', async () => {
    const told = [];
    const fetchMethod = async (key, stale, { options, context, signal }) => {
      told.push([key, stale, context, options.ttl, signal instanceof AbortSignal]);
      if (key === 'fails') throw new Error('why');
      return key === 'nothing' ? undefined : `${key} ${told.length}`;
    };
    const caches = [
      new LRUCache({ namespace: 'fetches', max: 10, fetchMethod }),
      new Theirs({ max: 10, ttl: 0, fetchMethod }),
    ];
    const [ours, theirs] = await Promise.all(
      caches.map(async (cache, turn) => {
        if (turn === 1) await vi.waitUntil(() => told.length === 5);
        const ends = [];
        for (const [method, key, options] of [
          ['fetch', 'a', { context: 1, ttl: 60_000 }],
          ['fetch', 'a'],
          ['fetch', 'a', { forceRefresh: true }],
          ['fetch', 'nothing'],
          ['forceFetch', 'nothing'],
          ['fetch', 'fails'],
        ]) {
          ends.push(await cache[method](key, options).catch(({ message }) => message));
        }
        return { ends, keys: [...cache.keys()] };
      }),
    );
    const renumbered = (ends) => ends.map((end) => end?.replace(/ \d+$/, ''));
    expect(renumbered(ours.ends)).toEqual(renumbered(theirs.ends));
    expect(ours.keys).toEqual(theirs.keys);
    expect(told.slice(0, 5).map(([key, , context]) => [key, context])).toEqual(
      told.slice(5).map(([key, , context]) => [key, context]),
    );
  });

  it('has its shape', () => {
    class Heir extends LRUCache {
      mine = 1;
      get(key) {
        return super.get(key) ?? 'none';
      }
    }
    const cache = new Heir({ namespace: 'heir', max: 2 });
    expect([cache instanceof LRUCache, cache.mine, cache.get('a'), String(cache)]).toEqual([
      true,
      1,
      'none',
      '[object LRUCache]',
    ]);
    expect(cache.set('a', 1).get('a')).toBe(1);
    const missing = Object.getOwnPropertyNames(Theirs.prototype).filter((name) => !(name in cache));
    // Those that are refused as options, by name.
    expect(missing).toEqual(['perf', 'dispose', 'onInsert', 'disposeAfter']);
  });
});

describe('bad input', () => {
  it.each([
    [undefined, 'FLOTILLA_ERR_INVALID_ARGUMENT', 'options'],
    [{ max: 1 }, 'FLOTILLA_ERR_INVALID_ARGUMENT', 'namespace'],
    [{ namespace: 'a', max: 1, sizeCalculation: 1 }, 'FLOTILLA_ERR_INVALID_ARGUMENT', 'sizeCalculation'],
    [{ namespace: 'a', max: 1, dispose() {} }, 'FLOTILLA_ERR_UNKNOWN_OPTION', 'one process only'],
    [{ namespace: 'a', mxa: 1 }, 'FLOTILLA_ERR_UNKNOWN_OPTION', 'did you mean "max"'],
  ])('%o is refused', (options, code, text) => {
    expect(() => new LRUCache(options)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(text) }),
    );
  });

  it('a size that is none is refused, and changes nothing', () => {
    const cache = new LRUCache({ namespace: 'sizes', maxSize: 10, sizeCalculation: (value) => value.length });
    cache.set('a', 'abc');
    expect(() => cache.set('a', '')).toThrow(
      expect.objectContaining({ code: 'FLOTILLA_ERR_INVALID_ARGUMENT' }),
    );
    expect(() => cache.memo('b')).toThrow(expect.objectContaining({ code: 'FLOTILLA_ERR_INVALID_ARGUMENT' }));
    expect([cache.get('a'), cache.calculatedSize]).toEqual(['abc', 3]);
  });
});

describe('over workers', () => {
  it('is one cache, and one call of fetchMethod for all', async () => {
    const library = JSON.stringify(new URL('../../lib/doors/lru-cache.mjs', import.meta.url).href);
    const { answers } = await inCluster(`
      import { LRUCache } from ${library};
      import { setTimeout as pause } from 'node:timers/promises';
      export const primary = () => {};
      export async function worker(index) {
        const fetchMethod = async (key) => { await pause(300); return key + process.pid; };
        const cache = new LRUCache({ namespace: 'shared', max: 10, fetchMethod });
        const fetched = await cache.fetch('a');
        return [fetched, cache.get('a')];
      }
      export const afterwards = (answers) => ({ answers });`);
    expect(new Set(answers.flat()).size).toBe(1);
  });
});
