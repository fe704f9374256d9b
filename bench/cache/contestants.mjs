// The contestants of the suite `cache`.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { measuringWorker } from './cluster.mjs';
import { fill, keyOf, object, text, untyped } from './data.mjs';
import { startRedis } from './redis.mjs';

/** @typedef {import('../harness/types.d.ts').Contestant} Contestant */

/**
 * @param {string} contestant
 * @returns {import('../harness/types.d.ts').RoundContestant['prepare']}
 */
function inWorker(contestant) {
  return ({ milliseconds, parts }) => measuringWorker(contestant, milliseconds, parts);
}

async function lruCache() {
  const { LRUCache } = await import('lru-cache');
  const cache = new LRUCache({ max: 10_000 });
  await fill((key, value) => cache.set(key, value));
  return cache;
}

async function lmdb() {
  const { open } = untyped('lmdb');
  const folder = mkdtempSync(path.join(tmpdir(), 'flotilla-bench-'));
  const database = open({ path: folder });
  await fill((key, value) => database.put(key, value));
  return {
    call: (/** @type {number} */ turn) => database.get(keyOf(turn)),
    async close() {
      await database.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function redis() {
  const { client, pid, close } = await startRedis();
  await fill((key, value) => client.set(key, value));
  return { call: (/** @type {number} */ turn) => client.get(keyOf(turn)), pid, close };
}

/** @type {Contestant[]} */
export const cacheContestants = [
  {
    id: 'lru-get',
    label: 'lru-cache in process: get',
    kind: 'call',
    packages: ['lru-cache'],
    prepare: async () => {
      const cache = await lruCache();
      return { call: (turn) => cache.get(keyOf(turn)) };
    },
  },
  {
    id: 'lru-awaited-get',
    label: 'lru-cache in process: await get',
    kind: 'awaited',
    packages: ['lru-cache'],
    prepare: async () => {
      const cache = await lruCache();
      return { call: (turn) => cache.get(keyOf(turn)) };
    },
  },
  {
    id: 'lru-set',
    label: 'lru-cache in process: set',
    kind: 'call',
    packages: ['lru-cache'],
    prepare: async () => {
      const cache = await lruCache();
      return { call: (turn) => cache.set(keyOf(turn), text) };
    },
  },
  {
    id: 'json-parse',
    label: 'JSON.parse of a five-field object',
    kind: 'call',
    prepare: () => {
      const json = JSON.stringify(object);
      return { call: () => JSON.parse(json) };
    },
  },
  {
    id: 'worker-sync-get',
    label: 'flotilla in a worker: sync.get',
    kind: 'round',
    ours: true,
    prepare: inWorker('sync'),
  },
  {
    id: 'worker-awaited-get',
    label: 'flotilla in a worker: await get',
    kind: 'round',
    ours: true,
    prepare: inWorker('get'),
  },
  {
    id: 'worker-awaited-fetch',
    label: 'flotilla in a worker: await fetch of what is there',
    kind: 'round',
    ours: true,
    prepare: inWorker('fetch'),
  },
  {
    id: 'worker-awaited-set',
    label: 'flotilla in a worker: await set',
    kind: 'round',
    ours: true,
    prepare: inWorker('set'),
  },
  {
    id: 'worker-awaited-object',
    label: 'flotilla in a worker: await get of a five-field object',
    kind: 'round',
    ours: true,
    prepare: inWorker('object'),
  },
  {
    id: 'worker-messages-get',
    label: 'flotilla in a worker, on the IPC transport: await get',
    kind: 'round',
    ours: true,
    prepare: inWorker('messages'),
  },
  { id: 'lmdb-get', label: 'lmdb: get', kind: 'call', packages: ['lmdb'], prepare: lmdb },
  {
    id: 'peer-get',
    label: 'lru-cache-for-clusters-as-promised in a worker: await get',
    kind: 'round',
    packages: ['lru-cache-for-clusters-as-promised'],
    prepare: inWorker('peer'),
  },
  {
    id: 'redis-get',
    label: 'ioredis over a Unix socket: await get',
    kind: 'awaited',
    packages: ['ioredis'],
    programs: ['redis-server'],
    prepare: redis,
  },
];
