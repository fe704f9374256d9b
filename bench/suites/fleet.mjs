// A cache with a second tier beside one without, and beside the bare client: what the tier adds to a hit and to a miss, and how soon a
// write on one machine is seen on another.

import { LRUCacheClustered, redisTier } from 'flotilla';
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

/** @type {import('../harness/types.d.ts').Suite} */
export default {
  title: 'A second tier in Redis',
  measures:
    'Time of one call: a read that memory answers, with and without a tier, and one that Redis answers, through the cache and by the client (ioredis 6) alone, by TCP on one machine',
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
    { subject: 'tier-miss', reference: 'bare-get', bar: 'at most 1.25' },
  ],
};
