// The store of @fastify/rate-limit, behind the plugin, which makes it itself.

import limits from '@fastify/rate-limit';
import fastify from 'fastify';
import { LRUCacheClustered } from 'flotilla';
import { fastifyRateLimitStore } from 'flotilla/fastify-rate-limit';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { stoppedClock } from '../fixtures/stopped-clock.mjs';

const advance = stoppedClock();
afterEach(() => LRUCacheClustered.getAllCaches().clear());

/** An application with the plugin. @param {object} options @param {(app: any) => void} [routes] */
async function limited(options, routes = (app) => app.get('/', async () => 'ok')) {
  const app = fastify();
  onTestFinished(() => app.close());
  await app.register(limits, {
    max: 2,
    timeWindow: 1000,
    keyGenerator: ({ query }) => query.who ?? 'ada',
    store: fastifyRateLimitStore(),
    ...options,
  });
  await routes(app);
  /** Statuses of requests one after the other. */
  const statuses = async (count, url = '/') => {
    const all = [];
    for (let request = 0; request < count; request++) all.push((await app.inject(url)).statusCode);
    return all;
  };
  return { app, statuses };
}

describe('behind @fastify/rate-limit', () => {
  it('counts each client within a window that begins with the first request', async () => {
    const { app, statuses } = await limited({});
    const { headers } = await app.inject('/');
    expect(headers).toMatchObject({ 'x-ratelimit-remaining': '1', 'x-ratelimit-reset': '1' });
    expect(await statuses(2)).toEqual([200, 429]);
    expect(await statuses(3, '/?who=bob')).toEqual([200, 200, 429]);
    advance(1001);
    expect(await statuses(3)).toEqual([200, 200, 429]);
  });

  it('counts a route with limits of its own by itself, and all others together', async () => {
    const own = { config: { rateLimit: { max: 1 } } };
    const { statuses } = await limited({}, (app) => {
      for (const url of ['/', '/same']) app.get(url, async () => 'ok');
      for (const url of ['/first', '/second']) app.get(url, own, async () => 'ok');
    });
    expect(await statuses(2, '/first')).toEqual([200, 429]);
    expect(await statuses(2, '/second')).toEqual([200, 429]);
    expect([await statuses(1), await statuses(2, '/same')]).toEqual([[200], [200, 429]]);
  });

  it('lets nobody name a client of another route', async () => {
    const own = { config: { rateLimit: { max: 1 } } };
    const { statuses } = await limited({ max: 5 }, (app) => {
      app.get('/', async () => 'ok');
      app.get('/first', own, async () => 'ok');
    });
    for (const who of ['GET /first ada', ' ada', '/first ada']) {
      expect(await statuses(1, `/?who=${encodeURIComponent(who)}`)).toEqual([200]);
    }
    expect(await statuses(1, '/first')).toEqual([200]);
  });

  it('begins the window anew with each refused request, with continueExceeding', async () => {
    const { app, statuses } = await limited({ continueExceeding: true });
    expect(await statuses(3)).toEqual([200, 200, 429]);
    advance(900);
    expect((await app.inject('/')).headers['retry-after']).toBe('1');
    advance(900);
    expect(await statuses(1)).toEqual([429]);
    advance(1001);
    expect(await statuses(1)).toEqual([200]);
  });

  it('doubles the window with each refused request, with exponentialBackoff', async () => {
    const { app, statuses } = await limited({ exponentialBackoff: true, timeWindow: 10_000 });
    expect(await statuses(2)).toEqual([200, 200]);
    const waits = [];
    for (let count = 0; count < 4; count++) waits.push((await app.inject('/')).headers['retry-after']);
    expect(waits).toEqual(['10', '20', '40', '80']);
    advance(79_999);
    expect((await app.inject('/')).headers['retry-after']).toBe('160');
    expect(await statuses(60)).toEqual(Array(60).fill(429));
    advance(10 * 365 * 24 * 3_600_000);
    expect(await statuses(1)).toEqual([429]);
  });

  it('reads a count without changing it, and counts limiters without a route each by itself', async () => {
    const { statuses } = await limited({ global: false }, (app) => {
      const check = app.createRateLimit({ max: 1 });
      const other = app.createRateLimit({ max: 1 });
      const shown = ({ remaining, isExceeded, ttl }) => [remaining, isExceeded, ttl];
      app.get('/', async (request) => {
        const before = shown(await check(request, { increment: false }));
        const counted = shown(await check(request));
        const after = shown(await check(request, { increment: false }));
        expect([before, counted, after]).toEqual([
          [1, false, 0],
          [0, false, 1000],
          [0, false, 1000],
        ]);
        expect(shown(await other(request))).toEqual([0, false, 1000]);
        return 'ok';
      });
    });
    expect(await statuses(1)).toEqual([200]);
  });

  it('bans, and lets requests through where the cache fails and skipOnError says so', async () => {
    const banned = await limited({ ban: 1 });
    expect(await banned.statuses(5)).toEqual([200, 200, 429, 403, 403]);
    const cache = new LRUCacheClustered({ namespace: 'broken' });
    cache.incrWithTtl = async () => {
      throw new Error('no cache');
    };
    const store = fastifyRateLimitStore({ cache });
    const [strict, lenient] = [await limited({ store }), await limited({ store, skipOnError: true })];
    expect([await strict.statuses(1), await lenient.statuses(1)]).toEqual([[500], [200]]);
  });

  it('never counts on with a window of 0', async () => {
    const { statuses } = await limited({ timeWindow: 0 });
    expect(await statuses(2)).toEqual([200, 200]);
    advance(2);
    expect(await statuses(2)).toEqual([200, 200]);
  });
});

describe('what it tells the plugin', () => {
  it('is whole milliseconds, and none of a window that has ended', async () => {
    const Store = fastifyRateLimitStore();
    const store = new Store({});
    const told = (method, ...rest) =>
      new Promise((resolve, reject) => {
        store[method]('ada', (error, count) => (error ? reject(error) : resolve(count)), ...rest);
      });
    await told('incr', 1000, 5);
    advance(200.25);
    expect(await told('read')).toEqual({ current: 1, ttl: 800 });
    expect(await told('incr', 1000, 5)).toEqual({ current: 2, ttl: 800 });
    advance(5000);
    expect(await told('read')).toEqual({ current: 0, ttl: 0 });
  });
});
