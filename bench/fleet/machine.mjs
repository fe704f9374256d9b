// One machine of a fleet: a process with a segment of its own, a client of Redis, and a cache that has a tier there. It does what its
// parent asks for, and answers.
// Usage: node machine.mjs <port of Redis>

import { setTimeout as pause } from 'node:timers/promises';
import { LRUCacheClustered, redisTier } from 'flotilla';
import { Redis } from 'ioredis';

const KEYS = 512;
const AT_ONCE = 8;
const REST = 2;
// How soon a client connects again is its user's to say.
const client = new Redis({ port: Number(process.argv[2]), retryStrategy: () => 100 });
client.on('error', () => {});
const tier = redisTier({ client });
// Memory has room for some of the keys alone, so that many reads go to Redis.
const cache = new LRUCacheClustered({ namespace: 'fleet', max: KEYS / 2, ttl: 60_000, tier });
const seen = new LRUCacheClustered({ namespace: 'seen', max: 10, ttl: 60_000, tier });

/** By a clock that all processes share, in milliseconds. */
const now = () => Number(process.hrtime.bigint()) / 1e6;
const turn = () => new Promise((resolve) => void setImmediate(resolve));

/** @type {((key: string, at: number) => Promise<unknown>)[]} */
const requests = [
  (key) => cache.get(key),
  (key) => cache.get(key),
  (key, at) => cache.set(key, at),
  (key, at) => cache.fetch(`fetched ${key}`, async () => at, { ttl: 1000 }),
];

let isLoaded = false;
let load = { longest: 0, calls: 0, lost: 0 };

/** Sends requests, each after the one before, until it is told to end. @param {number} offset */
async function visit(offset) {
  for (let at = offset; isLoaded; at++) {
    const began = performance.now();
    await requests[at % requests.length](`key ${(at * 7) % KEYS}`, at).catch(() => load.lost++);
    load.longest = Math.max(load.longest, performance.now() - began);
    load.calls++;
    await pause(REST);
  }
}

/** @type {Promise<unknown>} */
let loading = Promise.resolve();

/** @type {Record<string, (value: any) => Promise<unknown>>} */
const acts = {
  async begin() {
    load = { longest: 0, calls: 0, lost: 0 };
    isLoaded = true;
    loading = Promise.all(Array.from({ length: AT_ONCE }, (_, offset) => visit(offset)));
  },
  async report() {
    isLoaded = false;
    await loading;
    return load;
  },
  /** When it was begun. */
  async write(value) {
    const began = now();
    await seen.set('key', value);
    return began;
  },
  /** When it was read. */
  async watch(value) {
    while ((await seen.get('key')) !== value) await turn();
    return now();
  },
  /** When Redis was in use again. */
  async right() {
    for (;;) {
      const { isTrusted, breaker } = /** @type {any} */ (cache.tierStats());
      if (isTrusted && breaker === 'closed') return now();
      await pause(5);
    }
  },
};

process.on('message', async (/** @type {{ act: string, value?: any }} */ { act, value }) => {
  process.send?.({ done: act, answer: await acts[act](value) });
});
await cache.healthCheck();
await seen.healthCheck();
process.send?.({ done: 'ready' });
