/** The balancer against document 004, and the additions of the design. */

import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import type { Meter } from '@opentelemetry/api';
import type realExpress from 'express';
import {
  type AdminOptions,
  type BackendCandidate,
  createOpenTelemetrySink,
  createResourceAwareLoadBalancer,
  defaultLoadBalancer,
  type ExpressLike,
  express,
  expressDefault,
  getServerConfig,
  type LoadBalancerContext,
  type LoadBalancerFunction,
  type LoggerLike,
  leastConnectionsLoadBalancer,
  leastLoadedLoadBalancer,
  noopTelemetrySink,
  type ParsedRequest,
  type ResolvedAdminOptions,
  type ResolvedServerConfig,
  resourceAwareLoadBalancer,
  restartServer,
  roundRobinLoadBalancer,
  type ServerApp,
  type ServerConfigInput,
  type ServerFactory,
  type StartServerResult,
  setServerConfig,
  startServer,
  stickyLoadBalancer,
  stopServer,
  type TelemetryMeter,
  type TelemetrySink,
  type WorkerRuntimeStats,
} from 'flotilla';
import { Hono } from 'hono';
import { describe, expectTypeOf, test } from 'vitest';

/** The configuration as document 004 lists it. */
type DocumentedInput = {
  host?: string;
  port?: number;
  workerHost?: string;
  baseWorkerPort?: number;
  workers?: number | 'auto';
  requestInspectionTimeoutMs?: number;
  maxHeaderBytes?: number;
  allowHalfOpen?: boolean;
  workerHeartbeatIntervalMs?: number;
  workerHeartbeatStaleAfterMs?: number;
  gracefulShutdownTimeoutMs?: number;
  respawnWorkers?: boolean;
  loadBalancer?: LoadBalancerFunction;
  logger?: Partial<LoggerLike>;
  workerEnv?: Record<string, string>;
  installSignalHandlers?: boolean;
  telemetry?: TelemetrySink;
};

/** The fields that have a default, and what they are with it. */
type DocumentedResolved = Required<Omit<DocumentedInput, 'loadBalancer' | 'workers' | 'logger'>> & {
  workers: number;
  logger: LoggerLike;
  loadBalancer?: LoadBalancerFunction;
};

describe('configuration', () => {
  test('has every documented field', () => {
    expectTypeOf<Pick<ServerConfigInput, keyof DocumentedInput>>().toEqualTypeOf<DocumentedInput>();
    expectTypeOf<DocumentedInput>().toExtend<ServerConfigInput>();
  });

  test('has the additions of the design', () => {
    expectTypeOf<Omit<ServerConfigInput, keyof DocumentedInput>>().toEqualTypeOf<{
      mode?: 'auto' | 'handoff' | 'proxy';
      rebalance?: boolean;
      proxyProtocol?: false | 'v1' | 'v2';
      admin?: AdminOptions | false;
    }>();
  });

  test('is complete once resolved', () => {
    expectTypeOf<
      Pick<ResolvedServerConfig, keyof DocumentedInput>
    >().branded.toEqualTypeOf<DocumentedResolved>();
    expectTypeOf<Omit<ResolvedServerConfig, keyof DocumentedInput>>().toEqualTypeOf<{
      mode: 'auto' | 'handoff' | 'proxy';
      rebalance: boolean;
      proxyProtocol: false | 'v1' | 'v2';
      admin: ResolvedAdminOptions | false;
    }>();
    expectTypeOf<ResolvedServerConfig>().toExtend<ServerConfigInput>();
  });

  test('is set in parts and read as a whole', () => {
    expectTypeOf(setServerConfig).toEqualTypeOf<(next: ServerConfigInput) => ResolvedServerConfig>();
    expectTypeOf(getServerConfig).toEqualTypeOf<() => ResolvedServerConfig>();
  });

  test('refuses values of other types', () => {
    // @ts-expect-error
    setServerConfig({ workers: 'all' });
    // @ts-expect-error
    setServerConfig({ port: '3000' });
    // @ts-expect-error
    setServerConfig({ mode: 'cluster' });
    // @ts-expect-error
    setServerConfig({ workerEnv: { A: 1 } });
    // @ts-expect-error
    setServerConfig({ prot: 3000 });
  });

  test('takes a logger in part', () => {
    expectTypeOf<LoggerLike>().toEqualTypeOf<{
      debug: (...args: unknown[]) => void;
      info: (...args: unknown[]) => void;
      warn: (...args: unknown[]) => void;
      error: (...args: unknown[]) => void;
    }>();
    expectTypeOf<Console>().toExtend<LoggerLike>();
    expectTypeOf(setServerConfig).toBeCallableWith({ logger: { error: () => {} } });
  });
});

describe('what a strategy sees', () => {
  test('ParsedRequest', () => {
    expectTypeOf<ParsedRequest>().toEqualTypeOf<{
      method?: string;
      path?: string;
      httpVersion?: string;
      host?: string;
      headers: Record<string, string>;
      remoteAddress?: string;
      remotePort?: number;
      protocol: 'http1' | 'unknown';
      rawHead: string;
    }>();
  });

  test('WorkerRuntimeStats, with the live load beside the documented fields', () => {
    type Added = { inFlightRequests?: number; eventLoopLagMs?: number; servedRequests?: number };
    expectTypeOf<Pick<WorkerRuntimeStats, keyof Added>>().toEqualTypeOf<Added>();
    expectTypeOf<Omit<WorkerRuntimeStats, keyof Added>>().toEqualTypeOf<{
      pid: number;
      cpuPercent: number;
      rssBytes: number;
      heapUsedBytes: number;
      heapTotalBytes: number;
      externalBytes: number;
      arrayBuffersBytes: number;
      uptimeMs: number;
      activeConnections: number;
      sampledAt: number;
    }>();
  });

  test('BackendCandidate', () => {
    expectTypeOf<BackendCandidate>().toEqualTypeOf<{
      id: string;
      workerIndex: number;
      host: string;
      port: number;
      pid?: number;
      healthy: boolean;
      ready: boolean;
      lastHeartbeatAt?: number;
      activeProxyConnections: number;
      stats?: WorkerRuntimeStats;
    }>();
  });

  test('LoadBalancerContext', () => {
    expectTypeOf<LoadBalancerContext>().toEqualTypeOf<{
      candidates: BackendCandidate[];
      request: ParsedRequest;
      socket: Socket;
      previousIndex: number;
    }>();
  });
});

describe('strategies', () => {
  test('are functions of the context, sync or async', () => {
    expectTypeOf<LoadBalancerFunction>().toEqualTypeOf<
      (context: LoadBalancerContext) => BackendCandidate | Promise<BackendCandidate>
    >();
    expectTypeOf(setServerConfig).toBeCallableWith({
      loadBalancer: async ({ candidates, previousIndex }) =>
        candidates[previousIndex % candidates.length] as BackendCandidate,
    });
    // @ts-expect-error
    setServerConfig({ loadBalancer: () => 'worker-0' });
  });

  test('come ready-made', () => {
    expectTypeOf(roundRobinLoadBalancer).toEqualTypeOf<LoadBalancerFunction>();
    expectTypeOf(stickyLoadBalancer({ by: 'cookie:sid' })).toEqualTypeOf<LoadBalancerFunction>();
    // @ts-expect-error a body is not looked at
    stickyLoadBalancer({ by: 'body:sid' });
    expectTypeOf(leastConnectionsLoadBalancer).toEqualTypeOf<LoadBalancerFunction>();
    expectTypeOf(resourceAwareLoadBalancer).toEqualTypeOf<LoadBalancerFunction>();
    expectTypeOf(leastLoadedLoadBalancer).toEqualTypeOf<LoadBalancerFunction>();
    expectTypeOf(defaultLoadBalancer).toEqualTypeOf<LoadBalancerFunction>();
  });

  test('take weights', () => {
    expectTypeOf(createResourceAwareLoadBalancer).toEqualTypeOf<
      (weights?: {
        connectionWeight?: number;
        cpuWeight?: number;
        heapWeight?: number;
      }) => LoadBalancerFunction
    >();
  });
});

describe('starting and stopping', () => {
  test('has the documented signatures', () => {
    expectTypeOf(startServer).toExtend<
      (app: ExpressLike, nextConfig?: ServerConfigInput) => Promise<StartServerResult>
    >();
    expectTypeOf(startServer).toExtend<
      (app: ServerApp, nextConfig?: ServerConfigInput) => Promise<StartServerResult>
    >();
    expectTypeOf<ServerFactory>().toExtend<Parameters<typeof startServer>[0]>();
    expectTypeOf(stopServer).toEqualTypeOf<() => Promise<void>>();
    expectTypeOf(restartServer).toEqualTypeOf<() => Promise<void>>();
  });

  test('StartServerResult', () => {
    expectTypeOf<StartServerResult>().toEqualTypeOf<{
      mode: 'primary' | 'worker';
      pid: number;
      host: string;
      port: number;
      workerIndex?: number;
      workerPort?: number;
      workers?: number;
    }>();
  });

  test('ExpressLike', () => {
    expectTypeOf<ExpressLike>().toEqualTypeOf<
      {
        listen: (...args: any[]) => any;
        disable?: (name: string) => void;
        use?: (...args: any[]) => any;
        get?: (...args: any[]) => any;
        post?: (...args: any[]) => any;
        put?: (...args: any[]) => any;
        patch?: (...args: any[]) => any;
        delete?: (...args: any[]) => any;
        options?: (...args: any[]) => any;
        head?: (...args: any[]) => any;
        all?: (...args: any[]) => any;
      } & Record<string, unknown>
    >();
  });

  test('serves any application', () => {
    expectTypeOf(startServer).toBeCallableWith(express());
    expectTypeOf(startServer).toBeCallableWith(express(), { port: process.env.PORT, workers: process.env.N });
    expectTypeOf(startServer).toBeCallableWith(createServer());
    expectTypeOf(startServer).toBeCallableWith(new Hono());
    expectTypeOf(startServer).toBeCallableWith(new Hono().fetch);
    expectTypeOf(startServer).toBeCallableWith(() => new Hono());
    expectTypeOf(startServer).toBeCallableWith({ fetch: (request: Request) => new Response(request.url) });
    expectTypeOf(startServer).toBeCallableWith({ listen: (_port: number, _host: string) => {} });
    expectTypeOf(startServer).toBeCallableWith({ callback: () => () => {} });
    expectTypeOf(startServer).toBeCallableWith((_request, response) => response.end());
  });

  test('refuses what is no application', () => {
    // @ts-expect-error
    startServer({});
    // @ts-expect-error
    startServer(express(), { workers: true });
    // @ts-expect-error
    startServer('app');
    // @ts-expect-error
    startServer(undefined);
  });
});

describe('express', () => {
  test('has the types of the package that is installed', () => {
    expectTypeOf(express).toEqualTypeOf<typeof realExpress>();
    expectTypeOf(expressDefault).toEqualTypeOf<typeof express>();
    expectTypeOf(express()).toEqualTypeOf<realExpress.Express>();
    expectTypeOf(express).not.toBeAny();
    // @ts-expect-error
    express.nothing;
  });
});

describe('telemetry', () => {
  test('a sink has counters, histograms and gauges', () => {
    type Attributes = Record<string, string | number | boolean | undefined>;
    expectTypeOf<TelemetrySink>().toEqualTypeOf<{
      incrementCounter(name: string, value?: number, attributes?: Attributes): void;
      recordHistogram(name: string, value: number, attributes?: Attributes): void;
      setGauge(name: string, value: number, attributes?: Attributes): void;
    }>();
    expectTypeOf(noopTelemetrySink).toEqualTypeOf<TelemetrySink>();
  });

  test('what is used of a meter is this, as @opentelemetry/api has it', () => {
    type Attributes = Record<string, string | number | boolean | undefined>;
    type Observed = (result: { observe(value: number, attributes?: Attributes): void }) => void;
    expectTypeOf<TelemetryMeter>().toEqualTypeOf<{
      createCounter(
        name: string,
        options?: { description?: string },
      ): { add(value: number, attributes?: Attributes): void };
      createHistogram(
        name: string,
        options?: { description?: string },
      ): { record(value: number, attributes?: Attributes): void };
      createObservableGauge(
        name: string,
        options?: { description?: string },
      ): { addCallback(callback: Observed): void };
    }>();
  });

  test('a meter of OpenTelemetry becomes a sink', () => {
    const instrument = { add() {}, record() {}, addCallback() {} };
    expectTypeOf(createOpenTelemetrySink).toBeCallableWith({
      meter: {
        createCounter: () => instrument,
        createHistogram: () => instrument,
        createObservableGauge: () => instrument,
      },
      prefix: 'app.',
      descriptions: { connections: 'connections assigned' },
    });
    expectTypeOf<Meter>().toExtend<TelemetryMeter>();
    expectTypeOf(createOpenTelemetrySink).parameter(0).toEqualTypeOf<{
      meter: TelemetryMeter;
      prefix?: string;
      descriptions?: Record<string, string>;
    }>();
    expectTypeOf(createOpenTelemetrySink).returns.toEqualTypeOf<TelemetrySink>();
    // @ts-expect-error
    createOpenTelemetrySink({});
  });
});
