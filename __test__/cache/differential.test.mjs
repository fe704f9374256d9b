// The synchronous view beside lru-cache 11, step by step: random operations on both, with a stopped clock that only
// the test moves. Whatever one answers, throws, keeps or forgets, the other must, too. So the promises, in a worker, on
// both transports.

import { createRequire } from 'node:module';
import { LRUCache } from 'lru-cache';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { seededGenerator } from '../../bench/harness/turns.mjs';
import { inCluster } from '../fixtures/cache.mjs';
import {
  dice,
  keys,
  outcome,
  randomOptions,
  values,
  withoutGap,
  writeOptions,
} from '../fixtures/cache-draws.mjs';

const require = createRequire(import.meta.url);
const { LRUCacheClustered } = require('flotilla');
const addon = require('../../lib/native/loader.js');
const { setClock, tuning } = require('../../lib/cache/copy-keeping.js');
const program = new URL('../fixtures/cache-differential.mjs', import.meta.url).href;

const SEEDS = Number(process.env.FLOTILLA_TEST_SEEDS ?? 60);
const STEPS = 400;
const START = 1_000_000;

const usual = { ...tuning };

let now = START;
const advance = (milliseconds) => {
  now += milliseconds;
  setClock(now);
  vi.setSystemTime(1_700_000_000_000 + now);
};

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
  now = START;
  advance(0);
});

afterEach(() => {
  setClock();
  Object.assign(tuning, usual);
  vi.useRealTimers();
  LRUCacheClustered.getAllCaches().clear();
});

/** Each step: what to do with either cache. `start` is on another clock in each, so only its age is drawn. */
const steps = {
  set(die, counted) {
    // A new object each time: lru-cache looks at identity, which nothing keeps on its way to another process.
    const [key, value, options] = [die.of(keys), structuredClone(die.of(values)), writeOptions(die, counted)];
    const age = die.chance(0.1) ? die.upTo(40) : undefined;
    const ours = age === undefined ? options : { ...options, start: Date.now() - age };
    const theirs = age === undefined ? options : { ...options, start: now - age };
    return {
      name: `set(${String(key)}, …, ${JSON.stringify(options)}, ${age})`,
      ours: (cache) => void cache.set(key, value, ours),
      theirs: (cache) => void cache.set(key, value, theirs),
    };
  },
  get(die) {
    const [key, options] = [die.of(keys), getOptions(die)];
    return both(`get(${String(key)}, ${JSON.stringify(options)})`, (cache) => cache.get(key, options));
  },
  peek(die) {
    const [key, options] = [die.of(keys), die.chance(0.3) ? { allowStale: die.chance(0.5) } : undefined];
    return both(`peek(${String(key)})`, (cache) => cache.peek(key, options));
  },
  has(die) {
    const [key, options] = [die.of(keys), die.chance(0.3) ? { updateAgeOnHas: die.chance(0.5) } : undefined];
    return both(`has(${String(key)})`, (cache) => cache.has(key, options));
  },
  delete(die) {
    const key = die.of(keys);
    return both(`delete(${String(key)})`, (cache) => cache.delete(key));
  },
  info(die) {
    const key = die.of(keys);
    return both(`info(${String(key)})`, (cache) => cache.info(key));
  },
  remaining(die) {
    const key = die.of(keys);
    return both(`getRemainingTTL(${String(key)})`, (cache) => cache.getRemainingTTL(key));
  },
  purge: () => both('purgeStale()', (cache) => cache.purgeStale()),
  each: () =>
    both('forEach()', (cache) => {
      const met = [];
      cache.forEach((value, key) => {
        met.push([key, value]);
      });
      return met;
    }),
  lists: () => both('keys, values', (cache) => [[...cache.keys()], [...cache.values()], [...cache]]),
  reload(die) {
    const skip = die.upTo(3);
    return both('load(dump())', (cache) => cache.load(cache.dump().slice(skip)));
  },
  time(die) {
    const wait = die.of([0, 1, 1, 2, 5, 10, 30, 200]);
    return { name: `wait ${wait}`, ours: () => advance(wait), theirs: () => {} };
  },
};

const weights = Object.entries({
  set: 8,
  get: 7,
  peek: 2,
  has: 3,
  delete: 2,
  info: 1,
  remaining: 2,
  purge: 1,
  each: 1,
  lists: 1,
  reload: 1,
  time: 5,
});
const bag = weights.flatMap(([name, weight]) => Array(weight).fill(name));

function both(name, call) {
  return { name, ours: call, theirs: call };
}

function getOptions(die) {
  if (die.chance(0.6)) return undefined;
  return {
    ...(die.chance(0.5) && { allowStale: die.chance(0.5) }),
    ...(die.chance(0.5) && { updateAgeOnGet: die.chance(0.5) }),
    ...(die.chance(0.5) && { noDeleteOnStaleGet: die.chance(0.5) }),
  };
}

const state = (cache) => ({
  size: cache.size,
  entries: [...cache.entries()],
  dump: cache.dump().map((entry) => withoutGap(entry, Date.now() - now)),
});

describe('the synchronous view and lru-cache 11', () => {
  it.each(Array.from({ length: SEEDS }, (_, seed) => seed))(
    'agree on random operations (seed %i)',
    (seed) => {
      // Every other time, reads are answered from copies wherever they may be.
      Object.assign(tuning, seed % 2 === 0 ? usual : { readsBefore: 1, sample: 1 });
      const die = dice(seededGenerator(seed));
      const options = randomOptions(die);
      const ours = new LRUCacheClustered({ namespace: `seed ${seed}`, ...options }).sync;
      const theirs = new LRUCache({ ...options, perf: { now: () => now }, ttlResolution: 0 });
      const counted = Boolean(options.maxSize || options.maxEntrySize);
      const done = [JSON.stringify(options)];
      for (let step = 0; step < STEPS; step++) {
        const { name, ours: mine, theirs: its } = steps[die.of(bag)](die, counted);
        done.push(name);
        const story = () =>
          `seed ${seed}, step ${step}:\n${done.slice(0, 1).concat(done.slice(-12)).join('\n')}`;
        const [a, b] = [outcome(() => mine(ours)), outcome(() => its(theirs))];
        expect(a, story()).toEqual(b);
        expect(state(ours), story()).toEqual(state(theirs));
      }
      expect(addon.segmentValidate()).toBeUndefined();
    },
  );
});

describe('the surface with promises and lru-cache 11, in a worker', () => {
  it.each(['shared', 'ipc'])('agree on random operations, %s', async (transport) => {
    const source = `export * from ${JSON.stringify(program)};`;
    const { answers, after } = await inCluster(source, {
      workers: 1,
      env: { FLOTILLA_TRANSPORT: transport },
    });
    expect(answers).toEqual(['the same']);
    expect(after).toBeNull();
  });
});
