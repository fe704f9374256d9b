// A clustered server: real workers, real signals, from its start to its end.

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createContext, createServer } from 'flotilla';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  blocked,
  bothWorkers,
  certificate,
  hasNamespaces,
  isAlive,
  program,
  serving,
  unshare,
  until,
} from '../fixtures/clustered.mjs';
import { connected, keptConnection, request, untilEnd } from '../fixtures/lifecycle.mjs';
import { start } from '../fixtures/processes.mjs';
import { childrenOf, portsOf, stop } from '../fixtures/resources.mjs';

const several = fileURLToPath(new URL('../fixtures/lifecycle-several.mjs', import.meta.url));

describe.runIf(process.platform !== 'win32')('a clustered server that several tests share', () => {
  let shared;
  let end = () => {};
  beforeAll(async () => {
    const whenDone = (kill) => {
      end = kill;
    };
    shared = await serving({ healthCheckTimeoutMs: 100 }, { whenDone });
  });
  afterAll(() => end());
  // One that was blocked by the test before answers again.
  beforeEach(() => bothWorkers(shared.ask));

  it('answers from every worker, each with resources of its own, and the primary has none', async () => {
    const { ask, child } = shared;
    const pids = await bothWorkers(ask);
    expect([pids.has(child.pid), (await ask('/', { body: 'x' })).body]).toEqual([false, 'x']);
  });

  it('sees the client’s own address', async () => {
    const { port } = shared;
    const socket = await connected(port);
    const { localPort } = socket;
    socket.write('GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n');
    expect(await untilEnd(socket)).toContain(`"from":${localPort}`);
  });

  it('lets nobody wait for a worker that is blocked', async () => {
    const { ask, url } = shared;
    const release = await blocked(url);
    const pids = [];
    for (let turn = 0; turn < 8; turn++) pids.push((await ask()).pid);
    expect(new Set(pids).size).toBe(1);
    release();
  });

  it('answers probes while every worker is blocked, and forgets nobody else', async () => {
    const { ask, url } = shared;
    const releases = [await blocked(url), await blocked(url)];
    let isOver = false;
    const waiting = ask('/', { body: 'patience' }).finally(() => {
      isOver = true;
    });
    const [live, ready] = await Promise.all(
      ['/live', '/ready'].map((path) => request(url(path), { agent: false })),
    );
    expect([live.status, live.text, ready.status, ready.text]).toEqual([
      200,
      '{"status":"live"}',
      200,
      '{"status":"ready"}',
    ]);
    expect(isOver).toBe(false);
    for (const release of releases) release();
    expect((await waiting).body).toBe('patience');
  });

  it('tells the health of all workers together', async () => {
    const { url } = shared;
    const health = async () => {
      const { status, text } = await request(url('/health'), { agent: false });
      return { code: status, ...JSON.parse(text) };
    };
    let well;
    // On a machine that is busy enough, a worker does not answer in time.
    await until(async () => {
      well = await health();
      return well.code === 200;
    });
    expect([well.status, well.checks]).toEqual(['healthy', { db: true, feels: true }]);
    // More than this process alone would have.
    expect(well.memory.rss).toBeGreaterThan(100e6);
    const release = await blocked(url);
    expect(await health()).toMatchObject({ code: 503, checks: { db: true, workers: false } });
    release();
  });
});

/** Where connections are forwarded, and where they are handed over. */
const ways = [
  ['in proxy mode', { mode: 'proxy' }, {}],
  ['by JavaScript', { proxyProtocol: 'v1' }, { FLOTILLA_BALANCER: 'portable' }],
];

describe.runIf(process.platform === 'linux')('a clustered server whose connections are forwarded', () => {
  it.each(ways)('%s sees the client’s own address, and is restarted', async (_way, options, environment) => {
    const { port, signal, prints, ask } = await serving(options, { environment });
    const socket = await connected(port);
    const { localPort } = socket;
    socket.write('POST / HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody');
    expect(await untilEnd(socket)).toMatch(new RegExp(`"body":"body","from":${localPort}}`));
    signal('SIGUSR2');
    await prints(/primary: restarted/);
    expect((await ask('/', { body: 'x'.repeat(100_000) })).body).toHaveLength(100_000);
    expect((await ask()).generation).toBe(2);
  });

  it('sees it under TLS too', async () => {
    const { port } = await serving({ mode: 'proxy', tls: certificate() });
    const agent = new https.Agent({ rejectUnauthorized: false, keepAlive: true });
    onTestFinished(() => agent.destroy());
    const outgoing = https.get(`https://127.0.0.1:${port}/`, { agent });
    const [response] = await once(outgoing, 'response');
    expect(JSON.parse(await text(response)).from).toBe(outgoing.socket.localPort);
  });

  it('gives the header to an application that can only listen, where it is asked for', async () => {
    const without = await serving({ onlyListens: true });
    const socket = await connected(without.port);
    socket.write('hello\r\n');
    expect(await untilEnd(socket)).toBe('hello');
    // It listens in its worker, and not in the primary for it.
    expect(portsOf(without.child.pid)).toEqual([without.port]);
    const { port } = await serving({ onlyListens: true, proxyProtocol: 'v1' });
    const client = await connected(port);
    const { localPort } = client;
    client.write('hello\r\n');
    expect(await untilEnd(client)).toBe(`PROXY TCP4 127.0.0.1 127.0.0.1 ${localPort} ${port}`);
  });
});

describe.runIf(process.platform !== 'win32')('a clustered server', () => {
  it.each([
    ['workers', { workers: 0 }],
    ['workers', { workers: 'many' }],
    ['mode', { mode: 'magic' }],
    ['mode', { mode: 'handoff', proxyProtocol: 'v1' }],
    ['loadBalancer', { loadBalancer: 'fair' }],
    ['baseWorkerPort', { baseWorkerPort: 65_536 }],
    ['telemetry', { telemetry: {} }],
  ])('is not made with a wrong %s', (name, options) => {
    const context = createContext({ port: 0, app: () => () => {} });
    expect(() => createServer(context, { workers: 2, ...options })).toThrow(name);
  });

  it('is not made to hand over connections where it can only forward them', () => {
    vi.stubEnv('FLOTILLA_BALANCER', 'portable');
    onTestFinished(() => vi.unstubAllEnvs());
    const context = createContext({ port: 0, app: () => () => {} });
    expect(() => createServer(context, { workers: 2, mode: 'handoff' })).toThrow("'proxy' or 'auto' here");
  });

  it('asks a strategy of one’s own which worker a connection goes to', async () => {
    const { ask } = await serving({ chooses: 'x-worker', requestInspectionTimeoutMs: 2000 });
    const from = async (worker) => (await ask('/', { headers: { 'x-worker': String(worker) } })).pid;
    const [first, second] = [await from(0), await from(1)];
    expect(first).not.toBe(second);
    for (let turn = 0; turn < 3; turn++) expect([await from(0), await from(1)]).toEqual([first, second]);
  });

  it('drains all of its workers: they refuse what is new, and answer what is under way', async () => {
    const { url, ask, signal, prints } = await serving();
    const slow = ask('/slow');
    await prints(/worker \d+: slow/);
    signal('SIGHUP');
    await prints(/primary: draining/);
    await until(async () => (await request(url(), { agent: false })).status === 503);
    const refused = await request(url(), { agent: false });
    expect([refused.text, refused.headers.connection]).toEqual(['Server is draining', 'close']);
    expect((await slow).generation).toBe(1);
    await prints(/primary: drained/);
    // A restart makes it serve again.
    signal('SIGUSR2');
    await prints(/primary: restarted/);
    expect((await ask()).generation).toBe(2);
  });

  it.runIf(hasNamespaces)('is process 1 of a container as well as any other', async () => {
    const { child, ask, prints, ended } = await serving({}, { within: unshare });
    const pids = await bothWorkers(ask);
    expect([pids.has(1), pids.size]).toEqual([false, 2]);
    const primary = Number(spawnSync('pgrep', ['-P', String(child.pid)], { encoding: 'utf8' }).stdout);
    process.kill(primary, 'SIGUSR2');
    await prints(/primary: restarted/);
    const slow = ask('/slow');
    await prints(/worker \d+: slow/);
    process.kill(primary, 'SIGTERM');
    expect((await slow).generation).toBe(2);
    expect((await ended).code).toBe(0);
  });

  it('is one of several servers of a program, of which others are the primary’s alone', async () => {
    const { prints, child, ended } = start(process.execPath, [several]);
    const [, api, admin] = await prints(/ports (\d+) (\d+)/);
    const ask = async (port) => (await request(`http://127.0.0.1:${port}/`, { agent: false })).text;
    expect([await ask(api), await ask(admin)]).toEqual(['api 1 of a worker', 'admin 1 of the primary']);
    process.kill(child.pid, 'SIGUSR2');
    await prints(/restarted/);
    expect([await ask(api), await ask(admin)]).toEqual(['api 2 of a worker', 'admin 2 of the primary']);
    process.kill(child.pid, 'SIGTERM');
    const { code, stdout } = await ended;
    expect([code, stdout.match(/ports/g).length]).toEqual([0, 1]);
  });

  it.each([
    ['a program that throws', { load: 1 }, 'no such module', 'FLOTILLA_ERR_WORKER_FAILED'],
    [
      'a resource that does not open',
      { open: 1 },
      'failed to open: no such host',
      'FLOTILLA_ERR_RESOURCE_FAILED',
    ],
    ['checks that are not well', { check: 1 }, 'failed to become ready', 'FLOTILLA_ERR_SERVER_NOT_READY'],
  ])('does not start with %s, and says why', async (_what, faults, reason, code) => {
    const { ended } = start(process.execPath, [program, JSON.stringify({ faults, readyTimeoutMs: 200 })]);
    const { code: exit, stdout, stderr } = await ended;
    expect([exit, stdout.includes('port')]).toEqual([1, false]);
    expect(stderr).toContain(reason);
    expect(stderr).toContain(code);
    // What was opened was closed.
    expect(stdout.match(/opened/g)?.length).toBe(stdout.match(/closed/g)?.length);
  });

  it('answers what is under way, stops and exits with 0 on SIGTERM', async () => {
    const { ask, signal, prints, ended } = await serving();
    const slow = ask('/slow');
    await prints(/worker \d+: slow/);
    signal('SIGTERM');
    expect((await slow).generation).toBe(1);
    const { code, stdout, stderr } = await ended;
    expect([code, stderr, stdout.match(/closed 1/g).length]).toEqual([0, '', 2]);
    expect(stdout).toMatch(/primary: stopped\n$/);
  });

  it.each(['SIGINT', 'SIGTERM'])(
    'stops as well on a %s that reaches every process of the group',
    async (name) => {
      const { ask, prints, ended, child } = await serving({ shutdownDelayMs: 500 });
      const slow = ask('/slow');
      await prints(/worker \d+: slow/);
      process.kill(-child.pid, name);
      expect((await slow).generation).toBe(1);
      // No worker ends before the delay is over.
      expect((await ask()).generation).toBe(1);
      expect((await ended).code).toBe(0);
    },
  );

  it('lets a worker go that gets SIGTERM, and replaces it', async () => {
    const { ask, prints, signal, ended } = await serving();
    const agent = keptConnection();
    const { pid, from } = await ask('/', { agent });
    process.kill(pid, 'SIGTERM');
    await prints(new RegExp(`worker ${pid}: closed 1`));
    await until(() => !isAlive(pid));
    expect(await ask('/', { agent })).toMatchObject({ from });
    await bothWorkers(ask);
    signal('SIGTERM');
    const { code, stdout, stderr } = await ended;
    expect([code, stderr, stdout.match(/opened 1/g)?.length]).toEqual([0, '', 3]);
  });

  it('exits with 1 after the deadline where something does not end, and names it', async () => {
    const options = { faults: { close: 'never' }, gracefulShutdownTimeoutMs: 300 };
    const { url, port, ask, signal, prints, ended } = await serving(options);
    await bothWorkers(ask);
    request(url('/never'), { agent: false }).catch(() => {});
    await prints(/worker \d+: never/);
    // And a client that never reads.
    const client = await connected(port);
    client.write('GET /large HTTP/1.1\r\nHost: here\r\n\r\n');
    await once(client, 'readable');
    const begun = performance.now();
    signal('SIGTERM');
    const { code, stderr } = await ended;
    expect([code, performance.now() - begun < 10_000]).toEqual([1, true]);
    expect(stderr).toMatch(/no answer yet to .*GET \/never/);
    expect(stderr).toMatch(/no answer yet to .*GET \/large/);
    expect(stderr).toContain('the resource "db" has not closed');
  });

  it('exits at once on a second signal, and leaves no worker behind', async () => {
    const { url, ask, signal, prints, ended } = await serving({ gracefulShutdownTimeoutMs: 60_000 });
    const pids = [...(await bothWorkers(ask))];
    request(url('/never'), { agent: false }).catch(() => {});
    await prints(/worker \d+: never/);
    signal('SIGTERM');
    await prints(/primary: draining/);
    // Sooner, it would be the same wish.
    await pause(150);
    signal('SIGTERM');
    expect((await ended).code).toBe(1);
    await until(() => !pids.some(isAlive));
  });

  it('turns readiness to 503 at once on SIGTERM, and serves on for the delay', async () => {
    const { url, ask, signal, ended } = await serving({ shutdownDelayMs: 400 });
    const ready = async () => (await request(url('/ready'), { agent: false })).status;
    expect(await ready()).toBe(200);
    signal('SIGTERM');
    await until(async () => (await ready()) === 503);
    expect((await ask()).generation).toBe(1);
    expect((await ended).code).toBe(0);
  });

  it.runIf(process.platform === 'linux')(
    'answers probes while every worker is stopped, where connections are forwarded',
    async () => {
      const { url, ask, child } = await serving({ mode: 'proxy' });
      await bothWorkers(ask);
      const workers = childrenOf(child.pid);
      for (const pid of workers) stop(pid);
      const waiting = ask('/', { body: 'patience' });
      const answers = await Promise.all(
        ['/live', '/ready'].map(async (path) => (await request(url(path), { agent: false })).text),
      );
      expect(answers).toEqual(['{"status":"live"}', '{"status":"ready"}']);
      for (const pid of workers) process.kill(pid, 'SIGCONT');
      expect((await waiting).body).toBe('patience');
    },
  );

  it('comes to no harm by workers that send what none of ours does, and by reports that are none', async () => {
    const { url, ask, prints, signal, ended } = await serving({ faults: { forge: true } });
    const pids = await bothWorkers(ask);
    const { status, text } = await request(url('/health'), { agent: false });
    expect([status, JSON.parse(text).memory.rss]).toEqual([expect.any(Number), expect.any(Number)]);
    await prints(/has forged[\s\S]*has forged/);
    expect(await bothWorkers(ask)).toEqual(pids);
    signal('SIGTERM');
    expect((await ended).code).toBe(0);
  });

  it('has the endpoints on a port of their own in the primary', async () => {
    const probe = http.createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = probe.address();
    await new Promise((resolve) => probe.close(resolve));
    const { url } = await serving({ healthEndpoints: { port } });
    const releases = [await blocked(url), await blocked(url)];
    expect((await request(`http://127.0.0.1:${port}/live`)).status).toBe(200);
    expect((await request(`http://127.0.0.1:${port}/ready`)).status).toBe(200);
    for (const release of releases) release();
    expect(JSON.parse((await request(url('/live'), { agent: false })).text).generation).toBe(1);
  });
});
