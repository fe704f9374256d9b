/** The lifecycle against document 002 and the design. */

import { createServer as createHttpServer } from 'node:http';
import { test as nodeTest } from 'node:test';
import {
  type Context,
  type ContextConfig,
  createContext,
  createServer,
  createServers,
  express,
  type HealthReport,
  type LifecycleServer,
  type ServerConfigInput,
  type ServerOptions,
  type ServerState,
  type TestServer,
  testServer,
} from 'flotilla';
import { describe, expectTypeOf, test } from 'vitest';

interface Database {
  end(): Promise<void>;
  ping(): Promise<string>;
}

declare function connect(): Promise<Database>;
declare function buildApp(db: Database): ReturnType<typeof express>;

describe('the example of the design', () => {
  const context = createContext({
    port: 3000,
    resources: { db: { open: (_ctx) => connect(), close: (db) => db.end(), check: (db) => db.ping() } },
    health: { disk: async (_ctx) => true },
  });
  const server = createServer(context, { app: (ctx) => buildApp(ctx.db), workers: 'auto' });

  test('compiles, and knows the resource', () => {
    expectTypeOf(context.db).toEqualTypeOf<Database>();
    expectTypeOf(server).toEqualTypeOf<LifecycleServer>();
  });
});

describe('createContext', () => {
  test('needs no configuration', () => {
    const context = createContext();
    expectTypeOf(context.config.port).toEqualTypeOf<number>();
    expectTypeOf(context.generation).toEqualTypeOf<number>();
    expectTypeOf(context.destroy).toEqualTypeOf<() => Promise<void>>();
    expectTypeOf<keyof typeof context>().toEqualTypeOf<'config' | 'generation' | 'destroy'>();
  });

  test('keeps fields of one’s own', () => {
    const context = createContext({ port: 0, apiPort: 4000, name: 'shop' as string });
    expectTypeOf(context.config.port).toEqualTypeOf<number>();
    expectTypeOf(context.config.apiPort).toEqualTypeOf<number>();
    expectTypeOf(context.config.name).toEqualTypeOf<string>();
    // @ts-expect-error
    context.config.adminPort;
    // @ts-expect-error
    context.config.port = 1;
    // @ts-expect-error
    context.config.apiPort = 1;
    // @ts-expect-error
    context.generation = 2;
    // @ts-expect-error
    context.config = { ...context.config };
  });

  test('takes its own configuration again, for a fresh context', () => {
    const first = createContext({ apiPort: 1, resources: { db: { open: connect } } });
    const second = createContext(first.config);
    expectTypeOf(second.db).toEqualTypeOf<Database>();
    expectTypeOf(second.config.apiPort).toEqualTypeOf<number>();
  });

  test('offers each resource by its name, opened', () => {
    const context = createContext({
      resources: {
        db: { open: (_ctx) => connect() },
        cache: { open: () => new Map<string, number>(), close: (cache) => cache.clear() },
        label: { open: async () => 'a' as string },
      },
    });
    expectTypeOf(context.db).toEqualTypeOf<Database>();
    expectTypeOf(context.cache).toEqualTypeOf<Map<string, number>>();
    expectTypeOf(context.label).toEqualTypeOf<string>();
    // @ts-expect-error
    context.queue;
    // @ts-expect-error
    context.label = 'b';
  });

  test('shows resources to the checks and the application in the configuration', () => {
    createContext({
      resources: { db: { open: (_ctx) => connect() } },
      health: {
        database: async (ctx) => {
          expectTypeOf(ctx.db).toEqualTypeOf<Database>();
          return true;
        },
      },
      app: (ctx) => {
        expectTypeOf(ctx.db).toEqualTypeOf<Database>();
        expectTypeOf(ctx.generation).toEqualTypeOf<number>();
        expectTypeOf(ctx.config.anything).toBeAny();
        return buildApp(ctx.db);
      },
    });
  });

  test('takes an address and a port', () => {
    expectTypeOf<Pick<ContextConfig, 'host' | 'port'>>().toEqualTypeOf<{
      host?: string;
      port?: number | string;
    }>();
    createContext({ port: process.env.PORT });
    expectTypeOf<keyof ContextConfig>().toEqualTypeOf<'host' | 'port' | 'resources' | 'health' | 'app'>();
  });

  test('refuses what cannot work', () => {
    // @ts-expect-error
    createContext({ port: true });
    // @ts-expect-error
    createContext({ resources: { config: { open: () => 1 } } });
    // @ts-expect-error
    createContext({ resources: { generation: { open: () => 1 } } });
    // @ts-expect-error
    createContext({ resources: { destroy: { open: () => 1 } } });
    // @ts-expect-error
    createContext({ resources: { db: { close: () => {} } } });
    // @ts-expect-error
    createContext({ health: { disk: () => 'fine' } });
    // @ts-expect-error
    createContext({ app: () => undefined });
  });
});

describe('createServer', () => {
  const server = createServer(createContext({ app: () => express() }));

  test('has the operations of the document', () => {
    expectTypeOf(server.start).toEqualTypeOf<() => Promise<void>>();
    expectTypeOf(server.stop).toEqualTypeOf<() => Promise<void>>();
    expectTypeOf(server.restart).toEqualTypeOf<() => Promise<void>>();
    expectTypeOf(server.drain).toEqualTypeOf<() => Promise<void>>();
    expectTypeOf(server.waitForReady).toEqualTypeOf<() => Promise<void>>();
    expectTypeOf(server.getPort).toEqualTypeOf<() => number>();
  });

  test('has a state, events and an end to its scope', () => {
    expectTypeOf(server.state).toEqualTypeOf<ServerState>();
    expectTypeOf<ServerState>().toEqualTypeOf<
      'stopped' | 'starting' | 'ready' | 'restarting' | 'draining' | 'stopping'
    >();
    server
      .on('ready', () => {})
      .on('draining', () => {})
      .once('stopped', () => {})
      .off('restarted', () => {})
      .on('error', (error) => {
        expectTypeOf(error).toEqualTypeOf<Error>();
      });
    expectTypeOf(server).toExtend<AsyncDisposable>();
    // @ts-expect-error
    server.on('closed', () => {});
    // @ts-expect-error
    server.state = 'ready';
  });

  test('takes the options of startServer and its own', () => {
    expectTypeOf<ServerConfigInput>().toExtend<ServerOptions>();
    expectTypeOf<Omit<ServerOptions, keyof ServerConfigInput | 'app'>>().toEqualTypeOf<{
      shutdownDelayMs?: number;
      readyTimeoutMs?: number;
      healthEndpoints?:
        | { health?: string | false; ready?: string | false; live?: string | false; port?: number }
        | false;
      healthCheckTimeoutMs?: number;
      systemd?: boolean;
    }>();
    expectTypeOf<ServerOptions['workers']>().toEqualTypeOf<number | 'auto' | undefined>();
  });

  test('makes the application from its own context, now or later', () => {
    const context = createContext({ resources: { db: { open: connect } } });
    createServer(context, {
      app: async (ctx) => {
        expectTypeOf(ctx).toEqualTypeOf<typeof context>();
        return createHttpServer();
      },
    });
    // @ts-expect-error
    createServer(context, { app: () => undefined });
    // @ts-expect-error
    createServer();
    // @ts-expect-error
    createServer({ port: 3000 });
  });

  test('answers health as the document has it', () => {
    expectTypeOf<HealthReport>().toEqualTypeOf<{
      status: 'healthy' | 'unhealthy';
      checks: Record<string, boolean>;
      uptime: number;
      memory: NodeJS.MemoryUsage;
    }>();
  });
});

describe('createServers', () => {
  const context = createContext({ apiPort: 0, adminPort: 0, resources: { db: { open: connect } } });
  const servers = createServers(context, {
    api: { port: context.config.apiPort, app: (ctx) => buildApp(ctx.db) },
    admin: { port: context.config.adminPort, app: () => express(), workers: 2 },
  });

  test('offers all together and each by its name', () => {
    expectTypeOf(servers.start).toEqualTypeOf<() => Promise<void>>();
    expectTypeOf(servers.stop).toEqualTypeOf<() => Promise<void>>();
    expectTypeOf(servers.restart).toEqualTypeOf<() => Promise<void>>();
    expectTypeOf(servers.drain).toEqualTypeOf<() => Promise<void>>();
    expectTypeOf(servers).toExtend<AsyncDisposable>();
    expectTypeOf(servers.api).toEqualTypeOf<LifecycleServer>();
    expectTypeOf(servers.admin.getPort()).toEqualTypeOf<number>();
    // @ts-expect-error
    servers.metrics;
    // @ts-expect-error
    servers.api = servers.admin;
  });

  test('refuses a name that is taken', () => {
    // @ts-expect-error
    createServers(context, { start: { app: () => express() } });
  });
});

describe('testServer', () => {
  test('gives a started server with an address', async () => {
    expectTypeOf(testServer(express())).toEqualTypeOf<Promise<TestServer>>();
    expectTypeOf<TestServer>().toExtend<LifecycleServer>();
    expectTypeOf<TestServer['url']>().toEqualTypeOf<string>();
    expectTypeOf(testServer).toBeCallableWith((_request, response) => response.end(), { shutdownDelayMs: 1 });
    test('of vitest', (context) => void testServer(express(), { test: context }));
    nodeTest('of node', (context) => void testServer(express(), { test: context }));
    // @ts-expect-error
    testServer(express(), { workers: 2 });
    // @ts-expect-error
    testServer(express(), { port: 3000 });
    // @ts-expect-error
    testServer(express(), { app: () => express() });
    // @ts-expect-error
    testServer();
  });
});

describe('Context', () => {
  test('can be named', () => {
    expectTypeOf<Context<{ db: Database }, { name: string }>['db']>().toEqualTypeOf<Database>();
    expectTypeOf<Context<{}, { name: string }>['config']['name']>().toEqualTypeOf<string>();
  });
});
