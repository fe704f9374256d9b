// The store of express-rate-limit: its counters by themselves, and behind the package with all of its validations.

import express from 'express';
import { rateLimit } from 'express-rate-limit';
import { LRUCacheClustered } from 'flotilla';
import { FlotillaRateLimitStore } from 'flotilla/express-rate-limit';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { serve } from '../fixtures/servers.mjs';
import { stoppedClock } from '../fixtures/stopped-clock.mjs';

const advance = stoppedClock();
afterEach(() => LRUCacheClustered.getAllCaches().clear());

const store = (options, windowMs = 1000) => {
  const made = new FlotillaRateLimitStore(options);
  made.init({ windowMs });
  return made;
};
const inMs = (milliseconds) => new Date(Date.now() + milliseconds);

describe('the counters', () => {
  it('count within a window that begins with the first request', async () => {
    const limits = store();
    expect(await limits.get('ada')).toBeUndefined();
    expect(await limits.increment('ada')).toEqual({ totalHits: 1, resetTime: inMs(1000) });
    advance(600);
    expect(await limits.increment('ada')).toEqual({ totalHits: 2, resetTime: inMs(400) });
    expect(await limits.get('ada')).toEqual({ totalHits: 2, resetTime: inMs(400) });
    expect(await limits.increment('bob')).toEqual({ totalHits: 1, resetTime: inMs(1000) });
    advance(401);
    expect(await limits.get('ada')).toBeUndefined();
    expect(await limits.increment('ada')).toEqual({ totalHits: 1, resetTime: inMs(1000) });
  });

  it('take a request back, but none of a window that has ended, and none that was not counted', async () => {
    const limits = store();
    await limits.increment('ada');
    await limits.increment('ada');
    advance(300);
    await limits.decrement('ada');
    expect(await limits.get('ada')).toEqual({ totalHits: 1, resetTime: inMs(700) });
    await limits.decrement('ada');
    await limits.decrement('ada');
    expect(await limits.get('ada')).toMatchObject({ totalHits: 0 });
    await limits.increment('ada');
    advance(1001);
    await limits.decrement('ada');
    expect(await limits.get('ada')).toBeUndefined();
  });

  it('are reset one by one, or all that have the prefix', async () => {
    const [limits, others] = [store(), store({ prefix: 'login:' })];
    for (const client of ['ada', 'bob']) {
      await limits.increment(client);
      await others.increment(client);
    }
    await limits.resetKey('ada');
    expect([await limits.get('ada'), await limits.get('bob')]).toMatchObject([undefined, { totalHits: 1 }]);
    await limits.resetAll();
    expect([await limits.get('bob'), await others.get('bob')]).toMatchObject([undefined, { totalHits: 1 }]);
  });

  it('live a minute where no window was named, and a millisecond where it is 0', async () => {
    expect(await new FlotillaRateLimitStore().increment('ada')).toMatchObject({ resetTime: inMs(60_000) });
    const never = store({ prefix: 'never:' }, 0);
    await never.increment('ada');
    advance(2);
    expect(await never.increment('ada')).toMatchObject({ totalHits: 1 });
  });

  it('refuse what is no cache and no prefix, and reject where the cache did not answer', async () => {
    for (const options of [{ cache: {} }, { prefix: null }]) {
      expect(() => new FlotillaRateLimitStore(options)).toThrow(
        expect.objectContaining({ code: 'FLOTILLA_ERR_INVALID_ARGUMENT' }),
      );
    }
    const cache = new LRUCacheClustered({ namespace: 'slow' });
    cache.incrWithTtl = async () => undefined;
    await expect(store({ cache }).increment('ada')).rejects.toThrow('IPC timeout');
  });
});

describe('behind express-rate-limit', () => {
  /** A server with limiters, whose complaints are kept. */
  async function limited(...limiters) {
    const complaints = vi.spyOn(console, 'error').mockImplementation(() => {});
    onTestFinished(() => complaints.mockRestore());
    const app = express();
    app.get('/', ...limiters, (request, response) =>
      response.sendStatus(Number(request.query.status ?? 200)),
    );
    const url = await serve(app);
    const get = (query = '') => fetch(`${url}/?${query}`, { headers: { connection: 'close' } });
    return { get, complaints };
  }
  const limiter = (options) =>
    rateLimit({
      windowMs: 1000,
      limit: 2,
      standardHeaders: 'draft-8',
      keyGenerator: ({ ip }) => ip,
      ...options,
    });

  it('refuses what is over the limit until the window ends, and nothing is found wrong with the store', async () => {
    const { get, complaints } = await limited(limiter({ store: new FlotillaRateLimitStore() }));
    const statuses = async () => [(await get()).status, (await get()).status, (await get()).status];
    expect(await statuses()).toEqual([200, 200, 429]);
    expect((await get()).headers.get('retry-after')).toBe('1');
    advance(1001);
    expect(await statuses()).toEqual([200, 200, 429]);
    expect(complaints.mock.calls).toEqual([]);
  });

  it('finds a request that is counted twice, and not one of two limiters with prefixes of their own', async () => {
    const own = () => new FlotillaRateLimitStore();
    const twice = await limited(limiter({ store: own() }), limiter({ store: own() }));
    await twice.get();
    expect(twice.complaints.mock.calls.flat()).toEqual(
      expect.arrayContaining([expect.objectContaining({ code: 'ERR_ERL_DOUBLE_COUNT' })]),
    );
    twice.complaints.mockClear();
    const apart = await limited(
      limiter({ store: new FlotillaRateLimitStore({ prefix: 'a:' }) }),
      limiter({ store: new FlotillaRateLimitStore({ prefix: 'b:' }) }),
    );
    await apart.get();
    expect(apart.complaints.mock.calls).toEqual([]);
  });

  it('takes back requests that are not to be counted', async () => {
    const store = new FlotillaRateLimitStore();
    const { get, complaints } = await limited(limiter({ store, skipFailedRequests: true }));
    for (let count = 0; count < 5; count++) expect((await get('status=500')).status).toBe(500);
    // It is taken back once the answer is finished.
    await vi.waitFor(async () => expect((await store.get('127.0.0.1')).totalHits).toBe(0));
    expect([(await get()).status, (await get()).status, (await get()).status]).toEqual([200, 200, 429]);
    expect(complaints.mock.calls).toEqual([]);
  });

  it('answers its getKey and resetKey', async () => {
    const middleware = limiter({ store: new FlotillaRateLimitStore() });
    const { get } = await limited(middleware);
    for (let count = 0; count < 3; count++) await get();
    expect(await middleware.getKey('127.0.0.1')).toEqual({ totalHits: 3, resetTime: inMs(1000) });
    await middleware.resetKey('127.0.0.1');
    expect((await get()).status).toBe(200);
  });
});
