// Every block of document 002 that uses what it describes, run as it is written there.

import assert from 'node:assert';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { createContext, createServer } from 'flotilla';
import { afterAll, afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { gate, local, request } from '../fixtures/lifecycle.mjs';

const text = readFileSync(new URL('../fixtures/document-002.md', import.meta.url), 'utf8');
const blocks = new Map(
  [...text.matchAll(/^## ([^\n]*)\n\n```javascript\n(.*?)```/gms)].map(([, name, code]) => [name, code]),
);
const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;

/**
 * Runs a block.
 *
 * @param {string} name
 * @param {Record<string, unknown>} given what it takes for granted
 * @returns what it declares
 */
async function run(name, given = {}) {
  const body = blocks
    .get(name)
    .replace(
      /^import (\{.*\}) from '(.*)';$/gm,
      (_all, names, module) => `const ${names} = await load('${module}');`,
    );
  const declared = [...body.matchAll(/^(?:const|let) (\w+) =/gm)].map(([, each]) => each);
  const scope = { load: (module) => import(module), ...given };
  const fn = new AsyncFunction(...Object.keys(scope), `${body}\nreturn { ${declared.join(', ')} };`);
  return fn(...Object.values(scope));
}

const users = (context) => (_request, response) => response.end(`users of generation ${context.generation}`);
const createTestContext = (config = {}) => createContext({ host: '127.0.0.1', app: users, ...config });
const ask = async (port) => (await request(`http://localhost:${port}/users`, { agent: false })).text;

describe('the document’s code', () => {
  it('is all run here', () => expect(blocks.size).toBe(10));

  it('The Lifecycle Contract', async () => {
    const db = { open: vi.fn(() => 'db'), close: vi.fn() };
    const seen = [];
    const app = (context) => (_request, response) => response.end(`${context.generation}`);
    // A port that is free now, so that the same one can be asked before, between and after.
    const probe = createServer(createTestContext(), local);
    await probe.start();
    const port = probe.getPort();
    await probe.stop();
    const observe = async (step) => {
      seen.push(`${step}: ${await ask(port).catch(() => 'nobody')}`);
    };
    await run('The Lifecycle Contract', {
      context: createTestContext({ port, app, resources: { db } }),
      observe,
    });
    expect(seen).toEqual(['started: 1', 'restarted: 2', 'stopped: nobody']);
    expect([db.open.mock.calls.length, db.close.mock.calls.length]).toEqual([2, 2]);
  });

  it('Graceful Shutdowns Save Data, beside the handlers that a server has of itself', async () => {
    const handlers = new Map();
    const ended = new Promise((resolve) => {
      const process = { on: (name, handler) => handlers.set(name, handler), exit: resolve };
      const arrived = gate();
      const slow = () => async (_request, response) => {
        arrived.open();
        await pause(100);
        response.end('saved');
      };
      const server = createServer(createTestContext({ app: slow }), local);
      onTestFinished(() => server.stop());
      run('Graceful Shutdowns Save Data', { process, server }).then(async () => {
        await server.start();
        const saving = ask(server.getPort());
        await arrived.opened;
        handlers.get('SIGTERM')();
        expect(await saving).toBe('saved');
      });
    });
    expect(await ended).toBe(0);
  });

  it('Zero-Downtime Deployments', async () => {
    const handlers = new Map();
    const server = createServer(createTestContext(), local);
    onTestFinished(() => server.stop());
    await server.start();
    await run('Zero-Downtime Deployments', {
      process: { on: (name, handler) => handlers.set(name, handler) },
      server,
    });
    expect(await ask(server.getPort())).toBe('users of generation 1');
    await handlers.get('SIGUSR2')();
    expect(await ask(server.getPort())).toBe('users of generation 2');
  });

  it('Why Fresh Context on Restart?', async () => {
    const open = vi.fn(({ generation }) => `connection ${generation}`);
    const app = (context) => (_request, response) => response.end(context.db);
    const observe = async (server) => {
      expect(await ask(server.getPort())).toBe('connection 2');
      await server.stop();
    };
    await run('Why Fresh Context on Restart?', {
      config: { host: '127.0.0.1', app, resources: { db: { open } } },
      observe,
    });
    expect(open).toHaveBeenCalledTimes(2);
  });

  it.each([
    ['test', '8080', 0],
    ['production', '8080', 8080],
    ['production', undefined, 3000],
  ])('Development vs Production: under NODE_ENV=%s and PORT=%s', async (environment, variable, port) => {
    vi.stubEnv('NODE_ENV', environment);
    vi.stubEnv('PORT', variable);
    onTestFinished(() => vi.unstubAllEnvs());
    const { context } = await run('Development vs Production');
    expect(context.config).toMatchObject({ port, apiPort: 4000 });
  });

  it('Multiple Servers', async () => {
    const seen = [];
    const app = (name) => (context) => (_request, response) => response.end(`${name} ${context.generation}`);
    await run('Multiple Servers', {
      context: createTestContext({ apiPort: 0, adminPort: 0, metricsPort: 0 }),
      apiApp: app('api'),
      adminApp: app('admin'),
      metricsApp: app('metrics'),
      observe: async (step, servers) => {
        const all = [servers.api, servers.admin, servers.metrics];
        seen.push([step, ...all.map(({ state }) => state)]);
        if (step !== 'stopped') seen.push(await Promise.all(all.map((server) => ask(server.getPort()))));
      },
    });
    expect(seen).toEqual([
      ['started', 'ready', 'ready', 'ready'],
      ['api 1', 'admin 1', 'metrics 1'],
      ['restarted', 'ready', 'ready', 'ready'],
      ['api 2', 'admin 2', 'metrics 2'],
      ['stopped', 'stopped', 'stopped', 'stopped'],
    ]);
  });

  it('The Health Endpoint', async () => {
    const db = { execute: vi.fn() };
    const { context } = await run('The Health Endpoint', {
      config: { host: '127.0.0.1', app: users },
      connect: () => db,
      checkRedis: async () => true,
      checkDiskSpace: async () => true,
    });
    const server = createServer(context, local);
    onTestFinished(() => server.stop());
    await server.start();
    const health = async () => {
      const { status, text: body } = await request(`http://127.0.0.1:${server.getPort()}/health`);
      return { code: status, ...JSON.parse(body) };
    };
    const figures = {
      uptime: expect.any(Number),
      memory: expect.objectContaining({ rss: expect.any(Number) }),
    };
    expect(await health()).toEqual({
      code: 200,
      status: 'healthy',
      checks: { database: true, redis: true, disk: true },
      ...figures,
    });
    expect(db.execute).toHaveBeenCalledWith('SELECT 1');
    db.execute.mockRejectedValue(new Error('gone'));
    expect(await health()).toEqual({
      code: 503,
      status: 'unhealthy',
      checks: { database: false, redis: true, disk: true },
      ...figures,
    });
  });

  it('Drain and Replace', async () => {
    const [arrived, held] = [gate(), gate()];
    const app = () => async (_request, response) => {
      arrived.open();
      await held.opened;
      response.end('finished');
    };
    let under;
    await run('Drain and Replace', {
      context: createTestContext({ app }),
      observe: async (step, server) => {
        if (step === 'serving') {
          under = ask(server.getPort());
          return arrived.opened;
        }
        const refused = await request(`http://127.0.0.1:${server.getPort()}/`, { agent: false });
        expect(refused).toMatchObject({
          status: 503,
          text: 'Server is draining',
          headers: { connection: 'close' },
        });
        held.open();
      },
    });
    expect(await under).toBe('finished');
  });
});

// These declare tests of their own, which run here among the others.
const servers = [];
const observe = async (server) => {
  servers.push(server.getPort());
  expect(await ask(server.getPort())).toBe('users of generation 1');
};
await run('Clean Test Structure', { describe, beforeEach, afterEach, it, assert, createTestContext });
await run('Parallel Test Execution', { describe, it, createTestContext, observe });
afterAll(() => expect(new Set(servers).size).toBe(2));
