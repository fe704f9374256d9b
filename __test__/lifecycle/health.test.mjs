// What the endpoints tell, whatever the checks and the application do.

import { describe, expect, it, onTestFinished } from 'vitest';
import { gate, lifecycleServer, request, startedServer } from '../fixtures/lifecycle.mjs';

const app = () => (request, response) => response.end(`application: ${request.url}`);
const json = async (url, options) => {
  const { status, text, headers } = await request(url, options);
  return { status, headers, body: JSON.parse(text) };
};

describe('the health endpoint', () => {
  it('tells the outcome of each check, the uptime and the memory', async () => {
    const { url } = await startedServer(app, {
      config: {
        resources: { db: { open: () => 'db', check: () => 'pong' }, queue: { open: () => 1 } },
        health: { disk: async ({ db }) => db === 'db' },
      },
    });
    const { status, headers, body } = await json(url('/health?verbose=1'));
    expect([status, headers['content-type'], headers['cache-control']]).toEqual([
      200,
      'application/json',
      'no-store',
    ]);
    expect(body).toEqual({
      status: 'healthy',
      checks: { db: true, disk: true },
      uptime: expect.any(Number),
      memory: expect.objectContaining({ rss: expect.any(Number), heapUsed: expect.any(Number) }),
    });
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('gone');
      },
    ],
    ['rejects', () => Promise.reject(new Error('gone'))],
    ['brings false', () => false],
    ['brings something that is merely like true', () => 'yes'],
    ['brings nothing', () => undefined],
    ['hangs', () => new Promise(() => {})],
  ])('is 503 where a check %s, and the others are told all the same', async (_what, fault) => {
    let faulty = false;
    const { url } = await startedServer(app, {
      config: { health: { faulty: () => !faulty || fault(), sound: () => true } },
      healthCheckTimeoutMs: 100,
    });
    faulty = true;
    const { status, body } = await json(url('/health'));
    expect([status, body.status, body.checks]).toEqual([503, 'unhealthy', { faulty: false, sound: true }]);
    faulty = false;
    // Readiness and liveness are about the server, not about what it stands on.
    expect((await request(url('/ready'))).status).toBe(200);
    expect((await request(url('/live'))).status).toBe(200);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('gone');
      },
    ],
    ['brings false', async () => false],
  ])('is 503 where the check of a resource %s', async (_what, fault) => {
    let faulty = false;
    const db = { open: () => 'db', check: () => (faulty ? fault() : undefined) };
    const { url } = await startedServer(app, { config: { resources: { db } } });
    expect((await json(url('/health'))).body.checks).toEqual({ db: true });
    faulty = true;
    expect(await json(url('/health'))).toMatchObject({ status: 503, body: { checks: { db: false } } });
  });

  it('asks a check that hangs once, however many ask for health', async () => {
    const never = gate();
    let asked = 0;
    let hangs = false;
    const { url } = await startedServer(app, {
      config: { health: { slow: () => ++asked > 0 && (!hangs || never.opened) } },
      healthCheckTimeoutMs: 50,
    });
    onTestFinished(() => never.open(true));
    [asked, hangs] = [0, true];
    const answers = await Promise.all(Array.from({ length: 20 }, () => json(url('/health'))));
    expect([asked, new Set(answers.map(({ status }) => status))]).toEqual([1, new Set([503])]);
    [hangs] = [false];
    never.open(true);
    expect((await json(url('/health'))).status).toBe(200);
  });
});

describe('the endpoints', () => {
  it('answer HEAD without a body, and leave every other method and path to the application', async () => {
    const { url } = await startedServer(app);
    expect(await request(url('/live'), { method: 'HEAD' })).toMatchObject({ status: 200, text: '' });
    expect((await request(url('/live'), { method: 'POST' })).text).toBe('application: /live');
    expect((await request(url('/live/'))).text).toBe('application: /live/');
    expect((await request(url('/healthy'))).text).toBe('application: /healthy');
  });

  it('can be elsewhere, or off one by one, or off', async () => {
    const some = await startedServer(app, { healthEndpoints: { health: '/_/h', live: false } });
    expect((await request(some.url('/_/h'))).status).toBe(200);
    expect((await request(some.url('/ready'))).text).toBe('{"status":"ready"}');
    expect((await request(some.url('/live'))).text).toBe('application: /live');
    const none = await startedServer(app, { healthEndpoints: false });
    expect((await request(none.url('/health'))).text).toBe('application: /health');
  });

  it('on a port of their own answer there alone, until everything is released', async () => {
    // A free port, known beforehand.
    const { server: first } = await startedServer(app);
    const port = first.getPort();
    await first.stop();
    const closing = gate();
    const db = { open: () => 'db', close: () => closing.opened };
    const { server, url } = await startedServer(app, {
      config: { resources: { db } },
      healthEndpoints: { port },
    });
    const own = (path) => request(`http://127.0.0.1:${port}${path}`, { agent: false });
    expect((await own('/ready')).status).toBe(200);
    expect((await own('/')).status).toBe(404);
    expect((await request(url('/ready'))).text).toBe('application: /ready');
    const stopped = server.stop();
    expect((await own('/ready')).status).toBe(503);
    expect((await own('/live')).status).toBe(200);
    closing.open();
    await stopped;
    await expect(own('/live')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('tell that the server is not ready before it is', async () => {
    const warming = gate();
    const { server, url } = lifecycleServer(app, {
      config: { health: { warm: () => warming.opened } },
    });
    const started = server.start();
    while (server.getPort() === 0) await new Promise(setImmediate);
    expect([(await request(url('/ready'))).status, (await request(url('/live'))).status]).toEqual([503, 200]);
    warming.open(true);
    await started;
    expect((await request(url('/ready'))).status).toBe(200);
  });
});

describe('waitForReady', () => {
  it('resolves on a server that is ready, also one that only gets so', async () => {
    const { server } = lifecycleServer(app);
    const waiting = server.waitForReady();
    await server.start();
    await waiting;
    await server.waitForReady();
  });

  it('rejects on a server that does not get ready in time', async () => {
    const { server } = lifecycleServer(app, { readyTimeoutMs: 50 });
    await expect(server.waitForReady()).rejects.toThrow('Server failed to become ready');
  });
});
