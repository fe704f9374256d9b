// What the stores say of a cache that they share with others: an option that is left out conflicts with nothing, and a
// cache that a store makes is large enough for many visitors.

import { LRUCacheClustered } from 'flotilla';
import { FlotillaRateLimitStore } from 'flotilla/express-rate-limit';
import { FlotillaStore } from 'flotilla/express-session';
import { fastifyRateLimitStore } from 'flotilla/fastify-rate-limit';
import { afterEach, describe, expect, it } from 'vitest';
import { inCluster } from '../fixtures/cache.mjs';

afterEach(() => LRUCacheClustered.getAllCaches().clear());

const stores = [
  ['sessions', (options) => new FlotillaStore(options)],
  ['rate-limit', (options) => new FlotillaRateLimitStore(options)],
  ['rate-limit', (options) => fastifyRateLimitStore(options)],
];
const module = JSON.stringify(new URL('../../lib/doors/express-session.mjs', import.meta.url).href);

describe('the cache of a store', () => {
  it.each(stores)('has room for 100,000 where the store makes it: %s', async (namespace, make) => {
    make({});
    expect(await new LRUCacheClustered({ namespace }).max()).toBe(100_000);
  });

  it.each(stores)(
    'is the one that is there, whatever its max, where the store says none: %s',
    async (namespace, make) => {
      const made = new LRUCacheClustered({ namespace, max: 500, ttl: 60_000 });
      make({});
      make({ max: undefined });
      expect([await made.max(), await made.ttl()]).toEqual([500, 60_000]);
      expect(() => make({ max: 100_000 })).toThrow('max=500 (existing) != 100000 (incoming)');
    },
  );

  it.each(['shared', 'ipc'])('is so in workers, too, %s', async (FLOTILLA_TRANSPORT) => {
    const source = `
      const { FlotillaStore } = await import(${module});
      export const primary = () => new LRUCacheClustered({ namespace: 'there', max: 500 }).max();
      export async function worker() {
        const made = new FlotillaStore({ namespace: 'made' });
        const joined = new FlotillaStore({ namespace: 'there' });
        const session = { cookie: {}, name: 'ada' };
        await made.set('id', session);
        await joined.set('id', session);
        return [await made.cache.max(), await joined.cache.max(), (await joined.get('id')).name];
      }
      export const afterwards = () => new LRUCacheClustered({ namespace: 'made', max: 100_000 }).max();`;
    const { answers, after } = await inCluster(source, { workers: 1, env: { FLOTILLA_TRANSPORT } });
    expect([answers[0], after]).toEqual([[100_000, 500, 'ada'], 100_000]);
  });
});
