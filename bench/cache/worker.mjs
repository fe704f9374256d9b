// A cluster worker that measures itself. The primary asks `{ contestant, milliseconds }` once, then for rounds; each
// answer is the time of one call in nanoseconds.

import { timedCall } from '../harness/call.mjs';
import { fill, keyOf, object, text, untyped } from './data.mjs';

/** @typedef {{ call: (turn: number) => unknown, awaited: boolean }} Work */
/** @typedef {{ bench?: string, milliseconds: number, parts?: number, isFirst?: boolean }} Request */

/** @param {string} [namespace] the one that the primary has filled, or another */
async function ours(namespace = 'bench') {
  const { LRUCacheClustered } = await import('flotilla');
  return new LRUCacheClustered({ namespace, max: 10_000 });
}

async function peer() {
  const LruCacheForClusters = untyped('lru-cache-for-clusters-as-promised');
  const cache = new LruCacheForClusters({ namespace: 'bench', max: 10_000, timeout: 5000 });
  await fill((key, value) => cache.set(key, value));
  return cache;
}

/** @type {Record<string, () => Promise<Work>>} */
const contestants = {
  async get() {
    const cache = await ours();
    return { call: (turn) => cache.get(keyOf(turn)), awaited: true };
  },
  async fetch() {
    const cache = await ours();
    const bring = () => {
      throw new Error('what is there was fetched');
    };
    return { call: (turn) => cache.fetch(keyOf(turn), bring), awaited: true };
  },
  async sync() {
    const { sync } = await ours();
    return { call: (turn) => sync.get(keyOf(turn)), awaited: false };
  },
  async hot() {
    const { sync } = await ours();
    const key = keyOf(0);
    return { call: () => sync.get(key), awaited: false };
  },
  async set() {
    // What is set here is no change to what others read: their turns come a moment later.
    const cache = await ours('bench of set');
    return { call: (turn) => cache.set(keyOf(turn), text), awaited: true };
  },
  async object() {
    const cache = await ours();
    await cache.set('object', object);
    return { call: () => cache.get('object'), awaited: true };
  },
  /** The same cache as `get` has, asked over messages: the primary sees to that when it starts the worker. */
  async messages() {
    const cache = await ours();
    if ((await cache.usage()).transport !== 'ipc') throw new Error('this worker does not ask over messages');
    return { call: (turn) => cache.get(keyOf(turn)), awaited: true };
  },
  async peer() {
    const cache = await peer();
    return { call: (turn) => cache.get(keyOf(turn)), awaited: true };
  },
};

/** @type {Awaited<ReturnType<typeof timedCall>> | undefined} */
let timed;

process.on('message', async (/** @type {Request} */ { bench, milliseconds, parts, isFirst }) => {
  // The peer's messages come here, too.
  if (bench === undefined) return;
  if (bench !== 'round') {
    const { call, awaited } = await /** @type {() => Promise<Work>} */ (contestants[bench])();
    timed = await timedCall(call, { awaited, milliseconds, parts });
    process.send?.({ bench: 0 });
  } else {
    process.send?.({ bench: await timed?.round(isFirst) });
  }
});

// What is sent before this module has loaded would find no one to take it.
process.send?.({ bench: 0 });
