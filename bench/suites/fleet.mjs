// A cache with a second tier beside one without, and beside the bare client: what the tier adds to a hit and to a miss, and how soon a
// write on one machine is seen on another.

import { createRequire } from 'node:module';
import path from 'node:path';
import { LRUCacheClustered, redisTier } from 'flotilla';
import { installPeers } from '../../scripts/peers.mjs';
import { startRedis } from '../cache/redis.mjs';

/** @type {Awaited<ReturnType<typeof startRedis>> | undefined} */
let redis;
let users = 0;

/** One Redis for all contestants. */
async function share() {
  users++;
  redis ??= await startRedis({ byTcp: true });
  return redis.client;
}

const portOf = (/** @type {import('ioredis').Redis} */ client) => Number(client.options.port);

async function leave() {
  users--;
  if (users > 0) return;
  await redis?.close();
  redis = undefined;
}

const KEYS = 1024;
const value = 'a value of twenty-eight char';

/** @param {string} namespace @param {import('ioredis').Redis} client */
async function tiered(namespace, client, max = 10_000) {
  const cache = new LRUCacheClustered({ namespace, max, ttl: 600_000, tier: redisTier({ client }) });
  for (let key = 0; key < KEYS; key++) await cache.set(`key ${key}`, value);
  return cache;
}

/** The client as its users call it, or a cache that has nothing in memory. @param {(client: import('ioredis').Redis) => Promise<(turn: number) => Promise<unknown>>} make */
const overRedis = (make) => async () => {
  const client = await share();
  return { call: await make(client), close: leave };
};

/** node-redis with its own cache in front, which the server invalidates. @param {import('ioredis').Redis} client */
async function nodeRedis(client) {
  const { createClient } = await import('redis');
  const clientSideCache = { ttl: 600_000, maxEntries: 10_000, evictPolicy: /** @type {const} */ ('LRU') };
  const own = await createClient({ RESP: 3, socket: { port: portOf(client) }, clientSideCache }).connect();
  for (let key = 0; key < KEYS; key++) await own.set(`cached ${key}`, value);
  for (let key = 0; key < KEYS; key++) await own.get(`cached ${key}`);
  return {
    call: (/** @type {number} */ turn) => own.get(`cached ${turn % KEYS}`),
    async close() {
      own.destroy();
      await leave();
    },
  };
}

/** Bentocache with its layer in memory, its layer in Redis and the bus between. @param {import('ioredis').Redis} client */
async function bento(client) {
  const require = createRequire(path.join(await installPeers('peers'), 'import.cjs'));
  const load = (/** @type {string} */ name) => import(require.resolve(name));
  const { BentoCache, bentostore } = await load('bentocache');
  const { memoryDriver } = await load('bentocache/drivers/memory');
  const { redisBusDriver, redisDriver } = await load('bentocache/drivers/redis');
  const connection = { host: '127.0.0.1', port: portOf(client) };
  const layers = bentostore()
    .useL1Layer(memoryDriver({ maxItems: 10_000 }))
    .useL2Layer(redisDriver({ connection }))
    .useBus(redisBusDriver({ connection }));
  const cache = new BentoCache({ default: 'both', ttl: '10m', stores: { both: layers } });
  for (let key = 0; key < KEYS; key++) await cache.set({ key: `key ${key}`, value });
  return {
    call: (/** @type {number} */ turn) => cache.get({ key: `key ${turn % KEYS}` }),
    async close() {
      await cache.disconnectAll();
      await leave();
    },
  };
}

/** @type {import('../harness/types.d.ts').Suite} */
export default {
  title: 'A second tier in Redis',
  measures:
    'Time of one call: a read that memory answers, with and without a tier, and one that Redis answers, through the cache and by the client (ioredis 6) alone, by TCP on one machine; and what memory answers in two others: node-redis with client-side caching, Bentocache with its two layers and their bus',
  unit: 'ns',
  direction: 'lower is better',
  contestants: [
    {
      id: 'plain-hit',
      label: 'get, in memory, without a tier',
      kind: 'awaited',
      prepare: async () => {
        const cache = new LRUCacheClustered({ namespace: 'bench plain', max: 10_000, ttl: 600_000 });
        for (let key = 0; key < KEYS; key++) await cache.set(`key ${key}`, value);
        return { call: (turn) => cache.get(`key ${turn % KEYS}`) };
      },
    },
    {
      id: 'tier-hit',
      label: 'get, in memory, with a tier',
      kind: 'awaited',
      ours: true,
      programs: ['redis-server'],
      prepare: overRedis(async (client) => {
        const cache = await tiered('bench hit', client);
        for (let key = 0; key < KEYS; key++) await cache.get(`key ${key}`);
        return (turn) => cache.get(`key ${turn % KEYS}`);
      }),
    },
    {
      id: 'node-redis-hit',
      label: 'node-redis with client-side caching: get, in memory',
      kind: 'awaited',
      programs: ['redis-server'],
      packages: ['redis'],
      prepare: async () => nodeRedis(await share()),
    },
    {
      id: 'bentocache-hit',
      label: 'Bentocache 1.6 over Redis: get, in memory',
      kind: 'awaited',
      programs: ['redis-server'],
      prepare: async () => bento(await share()),
    },
    {
      id: 'bare-get',
      label: 'GET by the client',
      kind: 'awaited',
      programs: ['redis-server'],
      prepare: overRedis(async (client) => {
        for (let key = 0; key < KEYS; key++) await client.set(`bare ${key}`, value);
        return (turn) => client.getBuffer(`bare ${turn % KEYS}`);
      }),
    },
    {
      id: 'tier-miss',
      label: 'get, in Redis',
      kind: 'awaited',
      ours: true,
      programs: ['redis-server'],
      prepare: overRedis(async (client) => {
        // Memory has room for half of the keys: of those that are read in turn, none is there any more.
        const cache = await tiered('bench miss', client, KEYS / 2);
        let reads = 0;
        return () => cache.get(`key ${reads++ % KEYS}`);
      }),
    },
  ],
  rows: [
    { subject: 'tier-hit', reference: 'plain-hit', bar: 'at most 1.05' },
    { subject: 'tier-hit', reference: 'node-redis-hit' },
    { subject: 'tier-hit', reference: 'bentocache-hit' },
    { subject: 'tier-miss', reference: 'bare-get', bar: 'at most 1.25' },
  ],
};
