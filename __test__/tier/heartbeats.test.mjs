// What says again and again that it is still there: the lock of who fetches for the fleet, and the connection that hears of changes.

import { createRequire } from 'node:module';
import { beforeAll, expect, it } from 'vitest';
import { LRUCacheClustered, redisTier } from '../../index.mjs';
import { gatedRedis } from '../fixtures/gated-redis.mjs';
import { forTheFile, until } from '../fixtures/tier.mjs';

const require = createRequire(import.meta.url);
const { tiers } = require('../../lib/base/census.js');

const whenDone = forTheFile();
/** @type {Awaited<ReturnType<typeof gatedRedis>>['gate']} */
let gate;
/** Beside the cache, to look at what the server has. @type {any} */
let others;
/** @type {any} */
let client;
/** @type {any} */
let cache;
beforeAll(async () => {
  ({ gate, others, client } = await gatedRedis(whenDone));
  const tier = redisTier({ client, timeout: 2000, pingInterval: 100 });
  cache = new LRUCacheClustered({ namespace: 'beating', max: 100, ttl: 600_000, tier });
  await cache.healthCheck();
});

const lock = 'flotilla:beating@l=k=slow';
const left = () => others.pttl(lock);

it('the lock of a fetcher that runs for long is renewed before its five seconds are over, and let go at the end', async () => {
  /** @type {(value: any) => void} */
  let bring = () => {};
  const fetched = cache.fetch('slow', () => new Promise((resolve) => (bring = resolve)));
  await until(left, (time) => time > 4500);
  await until(left, (time) => time < 4000);
  // Without a heartbeat it only becomes less.
  await until(left, (time) => time > 4500);
  bring('brought');
  expect(await fetched).toBe('brought');
  await until(left, (time) => time === -2);
  expect(await cache.get('slow')).toBe('brought');
});

it('the lock of a fetcher that fails is let go at once', async () => {
  const fetched = cache.fetch('slow 2', () => Promise.reject(new Error('no')));
  await expect(fetched).rejects.toThrow('no');
  await until(
    () => others.exists('flotilla:beating@l=k=slow 2'),
    (count) => count === 0,
    2000,
  );
});

it('a connection that hears of nothing any more, though it is open, is given up after a ping, and another one takes its place', async () => {
  const isTrusted = async () => cache.tierStats().isTrusted;
  await until(isTrusted, Boolean);
  const { epochs } = tiers();
  // The client goes on to be answered: only what the connection would hear is kept back.
  gate.news.shut();
  await until(
    async () => tiers().epochs,
    (now) => now > epochs,
  );
  gate.news.open();
  await until(isTrusted, Boolean);
  await cache.set('a', 1);
  expect(await cache.get('a')).toBe(1);
});

it('what a process reads so often that it keeps it for itself is given as soon as the keeper is heard again', async () => {
  const tier = /** @type {any} */ (redisTier({ client, whenAway: 'miss' }));
  const { enlist } = tier.link;
  /** @type {any} */
  let place;
  tier.link.enlist = (/** @type {any} */ space) => (place = enlist.call(tier.link, space));
  const often = new LRUCacheClustered({ namespace: 'often', max: 100, ttl: 600_000, tier });
  tier.link.enlist = enlist;
  await until(
    async () => often.set('a', 1),
    () => place.isTrusted,
  );
  for (let turn = 0; turn < 5000; turn++) await often.get('a');
  // As a process that was stopped finds it.
  place.isTrusted = false;
  expect(await often.get('a')).toBe(1);
});
