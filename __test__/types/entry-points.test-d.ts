/** The entry points as CommonJS sees them: what each exports, and that all lead to one and the same. */

import root = require('flotilla');
import cache = require('flotilla/cache');
import core = require('flotilla/core');
import balancer = require('flotilla/express');
import rateLimitStore = require('flotilla/express-rate-limit');
import sessionStore = require('flotilla/express-session');
import fastifyStore = require('flotilla/fastify-rate-limit');
import scopes = require('flotilla/server');

import { describe, expectTypeOf, test } from 'vitest';

type CoreNames =
  | ('signal' | 'computed' | 'effect' | 'batch' | 'untracked' | 'createScope' | 'runInScope')
  | ('serializeScope' | 'hydrateScope' | 'serializeToScript');
type ScopeNames = 'createServerScope' | 'scopeMiddleware' | 'scopePlugin';
type CacheNames = 'LRUCacheClustered' | 'LRUCacheForClustersAsPromised' | 'memoize' | 'redisTier' | 'wrap';
type BalancerNames =
  | ('express' | 'expressDefault' | 'startServer' | 'stopServer' | 'restartServer' | 'setServerConfig')
  | (
      | 'getServerConfig'
      | 'roundRobinLoadBalancer'
      | 'leastConnectionsLoadBalancer'
      | 'resourceAwareLoadBalancer'
    )
  | ('defaultLoadBalancer' | 'leastLoadedLoadBalancer' | 'createResourceAwareLoadBalancer')
  | ('createOpenTelemetrySink' | 'noopTelemetrySink');
type LifecycleNames = 'createContext' | 'createServer' | 'createServers' | 'testServer';

/**
 * A constant seen through a re-export is not read-only to TypeScript; only the types of the values count
 * here.
 */
type Values<T, N extends keyof T> = { -readonly [K in N]: T[K] };

describe('each entry point exports its part', () => {
  test('the root exports all', () => {
    expectTypeOf<keyof typeof root>().toEqualTypeOf<
      | (CoreNames | ScopeNames | CacheNames | BalancerNames | LifecycleNames)
      | ('FlotillaError' | 'stickyLoadBalancer' | 'versions' | 'createBus' | 'default')
    >();
  });

  test('flotilla/core', () => {
    expectTypeOf<keyof typeof core>().toEqualTypeOf<CoreNames>();
  });

  test('flotilla/server', () => {
    expectTypeOf<keyof typeof scopes>().toEqualTypeOf<ScopeNames>();
  });

  test('flotilla/cache', () => {
    expectTypeOf<keyof typeof cache>().toEqualTypeOf<CacheNames | 'default'>();
  });

  test('flotilla/express', () => {
    expectTypeOf<keyof typeof balancer>().toEqualTypeOf<BalancerNames | 'default'>();
  });

  test('the stores', () => {
    expectTypeOf<keyof typeof sessionStore>().toEqualTypeOf<'FlotillaStore' | 'default'>();
    expectTypeOf<keyof typeof rateLimitStore>().toEqualTypeOf<'FlotillaRateLimitStore' | 'default'>();
    expectTypeOf<keyof typeof fastifyStore>().toEqualTypeOf<'fastifyRateLimitStore' | 'default'>();
    expectTypeOf(sessionStore.default).toEqualTypeOf<typeof sessionStore.FlotillaStore>();
    expectTypeOf(rateLimitStore.default).toEqualTypeOf<typeof rateLimitStore.FlotillaRateLimitStore>();
    expectTypeOf(fastifyStore.default).toEqualTypeOf<typeof fastifyStore.fastifyRateLimitStore>();
  });
});

describe('an entry point leads to what the root exports', () => {
  test('for every name', () => {
    expectTypeOf<Values<typeof core, CoreNames>>().toEqualTypeOf<Values<typeof root, CoreNames>>();
    expectTypeOf<Values<typeof scopes, ScopeNames>>().toEqualTypeOf<Values<typeof root, ScopeNames>>();
    expectTypeOf<Values<typeof cache, CacheNames>>().toEqualTypeOf<Values<typeof root, CacheNames>>();
    expectTypeOf<Values<typeof balancer, BalancerNames>>().toEqualTypeOf<
      Values<typeof root, BalancerNames>
    >();
  });

  test('for the default', () => {
    expectTypeOf(root.default).toEqualTypeOf<typeof root.express>();
    expectTypeOf(balancer.default).toEqualTypeOf<typeof root.express>();
    expectTypeOf(cache.default).toEqualTypeOf<typeof root.LRUCacheClustered>();
  });

  test('for types', () => {
    expectTypeOf<cache.LRUCacheClustered<string, number>>().toEqualTypeOf<
      root.LRUCacheClustered<string, number>
    >();
    expectTypeOf<cache.CacheOptions>().toEqualTypeOf<root.CacheOptions>();
    expectTypeOf<core.Signal<number>>().toEqualTypeOf<root.Signal<number>>();
    expectTypeOf<scopes.ServerScope>().toEqualTypeOf<root.ServerScope>();
    expectTypeOf<balancer.ServerConfigInput>().toEqualTypeOf<root.ServerConfigInput>();
  });
});
