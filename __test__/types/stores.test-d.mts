/** The stores, as the packages that they are for take them. */

import fastifyRateLimit from '@fastify/rate-limit';
import fastifySession from '@fastify/session';
import { type Store as RateLimitStore, rateLimit } from 'express-rate-limit';
import session from 'express-session';
import fastify from 'fastify';
import { LRUCacheClustered } from 'flotilla';
import FlotillaRateLimitStore, { type RateLimitStoreOptions } from 'flotilla/express-rate-limit';
import FlotillaStore, { type SessionStoreOptions } from 'flotilla/express-session';
import fastifyRateLimitStore from 'flotilla/fastify-rate-limit';
import { describe, expectTypeOf, test } from 'vitest';

const cache = new LRUCacheClustered<string, string>();

describe('the store of sessions', () => {
  test('is one of express-session', () => {
    expectTypeOf(session).toBeCallableWith({ secret: 'a', store: new FlotillaStore() });
    expectTypeOf<FlotillaStore>().toExtend<session.Store>();
  });

  test('is one of @fastify/session', () => {
    expectTypeOf<FlotillaStore>().toExtend<fastifySession.SessionStore>();
    fastify().register(fastifySession, { secret: 'a', store: new FlotillaStore({ ttl: () => 1 }) });
  });

  test('takes its options', () => {
    expectTypeOf(FlotillaStore).constructorParameters.toEqualTypeOf<[options?: SessionStoreOptions]>();
    new FlotillaStore({ cache, prefix: 'a:', ttl: 1, disableTouch: true });
    // @ts-expect-error
    new FlotillaStore({ ttl: '1' });
  });

  test('returns promises without a callback', () => {
    const store = new FlotillaStore();
    expectTypeOf(store.length()).toEqualTypeOf<Promise<number>>();
    expectTypeOf(store.get('a')).toEqualTypeOf<Promise<any>>();
    expectTypeOf(store.length((_error, _length) => {})).toEqualTypeOf<void>();
  });
});

describe('the stores of counters', () => {
  test('are those of express-rate-limit and @fastify/rate-limit', () => {
    expectTypeOf<FlotillaRateLimitStore>().toExtend<RateLimitStore>();
    expectTypeOf(rateLimit).toBeCallableWith({ store: new FlotillaRateLimitStore({ prefix: 'login:' }) });
    fastify().register(fastifyRateLimit, { store: fastifyRateLimitStore({ prefix: 'login:' }) });
  });

  test('take their options', () => {
    expectTypeOf(FlotillaRateLimitStore).constructorParameters.toEqualTypeOf<
      [options?: RateLimitStoreOptions]
    >();
    expectTypeOf(fastifyRateLimitStore).parameters.toEqualTypeOf<[options?: RateLimitStoreOptions]>();
    new FlotillaRateLimitStore({ cache, namespace: 'limits', max: 10 });
    // @ts-expect-error
    fastifyRateLimitStore({ max: '1' });
  });
});
