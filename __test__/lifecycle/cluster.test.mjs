// A clustered server: real workers, real signals, and clients that notice nothing.

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { emptyFolder } from '../fixtures/folders.mjs';
import { connected, keptConnection, request, untilEnd } from '../fixtures/lifecycle.mjs';
import { start } from '../fixtures/processes.mjs';

const program = fileURLToPath(new URL('../fixtures/lifecycle-cluster.mjs', import.meta.url));
const several = fileURLToPath(new URL('../fixtures/lifecycle-several.mjs', import.meta.url));
const kills = Number(process.env.FLOTILLA_TEST_WORKER_KILLS ?? 2);
const restarts = Number(process.env.FLOTILLA_TEST_RESTARTS ?? 3);

/** The program, started and serving. `whenDone` is for one that several tests share. */
async function serving(options = {}, { environment = {}, within: before = [], whenDone } = {}) {
  const [command, ...args] = [...before, process.execPath, program, JSON.stringify(options)];
  const running = start(command, args, { env: { ...process.env, ...environment }, whenDone });
  const [, port] = await running.prints(/primary: port (\d+)/);
  let warned = '';
  let restarted = 0;
  running.child.stdout.on('data', (text) => {
    restarted += text.match(/primary: restarted/g)?.length ?? 0;
  });
  running.child.stderr.on('data', (text) => {
    warned += text;
  });
  const url = (path = '/') => `http://127.0.0.1:${port}${path}`;
  return {
    ...running,
    port: Number(port),
    url,
    signal: (name) => process.kill(running.child.pid, name),
    restarts: () => restarted,
    fails: () => warned.match(/restart failed, and the old generation serves on/g)?.length ?? 0,
    /** Who answers on a connection of its own. */
    ask: async (path = '/', options = {}) =>
      JSON.parse((await request(url(path), { agent: false, ...options })).text),
    /** Waits for what a process writes as an error. */
    warns: async (pattern) => {
      while (!pattern.test(warned)) await once(running.child.stderr, 'data');
    },
  };
}

const isAlive = (pid) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const pem = (name) => readFileSync(new URL(`../fixtures/tls/${name}.pem`, import.meta.url), 'utf8');
const certificate = () => ({ key: pem('key'), cert: pem('cert') });

const unshare = ['unshare', '--user', '--map-root-user', '--pid', '--fork', '--kill-child', '--mount-proc'];
const hasNamespaces =
  process.platform === 'linux' && spawnSync(unshare[0], [...unshare.slice(1), 'true']).status === 0;

/** How many descriptors a process has open, where the system tells. */
async function descriptors(pid) {
  if (process.platform !== 'linux') return 0;
  return (await readdir(`/proc/${pid}/fd`)).length;
}

/** Waits until something holds. */
async function until(holds) {
  while (!(await holds())) await pause(5);
}

/** The two workers, in the order of their numbers: whichever is busy for a moment leaves connections to the other. */
async function bothWorkers(ask) {
  const pids = new Set();
  await until(async () => pids.add((await ask()).pid).size === 2);
  return new Set([...pids].sort());
}

/** Clients that send all the time over connections that they keep, half of it with bodies, and never retry. */
function load(url, clients = 6) {
  const state = { sent: 0, running: true, generations: new Set() };
  const all = Array.from({ length: clients }, async (_, client) => {
    const agent = keptConnection();
    for (let turn = 0; state.running; turn++) {
      const body = turn % 2 === 0 ? `${client}.${turn}`.padEnd(1 + ((turn * 7919) % 20_000), '.') : '';
      const answer = await request(url(), { agent, body });
      const { generation, body: echoed } = JSON.parse(answer.text);
      expect([answer.status, echoed === body, answer.reused]).toEqual([200, true, turn > 0]);
      state.sent += 1;
      state.generations.add(generation);
    }
  });
  const stop = () => {
    state.running = false;
    return Promise.all(all);
  };
  return { state, stop };
}

describe.runIf(process.platform !== 'win32')('a clustered server that several tests share', () => {
  let shared;
  beforeAll(async () => {
    shared = await serving({ healthCheckTimeoutMs: 100 }, { whenDone: afterAll });
  });
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
    const { text } = await request(url('/block'), { agent: false });
    expect(text).toBe('blocked');
    const begun = performance.now();
    for (let turn = 0; turn < 8; turn++) await ask();
    expect(performance.now() - begun).toBeLessThan(800);
  });

  it('answers probes while every worker is blocked, and forgets nobody else', async () => {
    const { ask, url } = shared;
    await Promise.all([request(url('/block'), { agent: false }), request(url('/block'), { agent: false })]);
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
    expect((await waiting).body).toBe('patience');
  });

  it('tells the health of all workers together', async () => {
    const { url } = shared;
    const health = async () => {
      const { status, text } = await request(url('/health'), { agent: false });
      return { code: status, ...JSON.parse(text) };
    };
    const well = await health();
    expect([well.code, well.status, well.checks]).toEqual([200, 'healthy', { db: true }]);
    // More than this process alone would have.
    expect(well.memory.rss).toBeGreaterThan(100e6);
    await request(url('/block'), { agent: false });
    expect(await health()).toMatchObject({ code: 503, checks: { db: true, workers: false } });
  });
});

/** Where connections are forwarded, and where they are handed over. */
const ways = [
  ['in proxy mode', { mode: 'proxy' }, {}],
  ['with a header of the PROXY protocol', { proxyProtocol: 'v1' }, {}],
  ['by JavaScript', {}, { FLOTILLA_BALANCER: 'portable' }],
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
    const { port } = await serving({ onlyListens: true, proxyProtocol: 'v1' });
    const client = await connected(port);
    const { localPort } = client;
    client.write('hello\r\n');
    expect(await untilEnd(client)).toBe(`PROXY TCP4 127.0.0.1 127.0.0.1 ${localPort} ${port}`);
  });
});

describe.runIf(process.platform !== 'win32')('a clustered server', () => {
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

  it('listens on a Unix socket, and moves its connections too', async () => {
    const socketPath = `${emptyFolder()}/cluster.sock`;
    const { signal, prints } = await serving({ host: socketPath });
    const agent = keptConnection();
    const ask = async () => request('http://localhost/', { socketPath, agent });
    const first = await ask();
    signal('SIGUSR2');
    await prints(/primary: restarted/);
    const second = await ask();
    expect([first.text, second.text, second.reused]).toEqual([
      expect.stringContaining('"generation":1'),
      expect.stringContaining('"generation":2'),
      true,
    ]);
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

  it(
    `is restarted ${restarts} times under load, and no request fails and no connection is closed`,
    async () => {
      const { url, signal, restarts: done, ask, child } = await serving();
      await ask();
      const open = await descriptors(child.pid);
      const { state, stop } = load(url);
      const go = async () => {
        const { sent } = state;
        await until(() => state.sent > sent + 50);
      };
      for (let turn = 1; turn <= restarts; turn++) {
        await go();
        signal('SIGUSR2');
        await until(() => done() === turn);
      }
      await go();
      await stop();
      expect([(await ask()).generation, state.generations.has(restarts + 1)]).toEqual([restarts + 1, true]);
      // The primary keeps nothing of the connections and workers that went through its hands.
      await until(async () => (await descriptors(child.pid)) <= open);
    },
    30_000 + 5000 * restarts,
  );

  it('keeps its workers where new code throws, does not open its resource, or is not well', async () => {
    const faultsFile = `${emptyFolder()}/faults.json`;
    writeFileSync(faultsFile, '{}');
    const { url, signal, ask, fails, prints } = await serving({ faultsFile, readyTimeoutMs: 300 });
    const old = await bothWorkers(ask);
    const { state, stop } = load(url, 2);
    for (const [count, fault] of ['load', 'open', 'check'].entries()) {
      writeFileSync(faultsFile, JSON.stringify({ [fault]: 2 }));
      signal('SIGUSR2');
      await until(() => fails() === count + 1);
      const before = state.sent;
      await until(() => state.sent > before + 10);
    }
    expect([...state.generations]).toEqual([1]);
    expect(await bothWorkers(ask)).toEqual(old);
    // Code that is right again is taken.
    writeFileSync(faultsFile, '{}');
    signal('SIGUSR2');
    await prints(/primary: restarted/);
    await until(() => state.generations.has(2));
    await stop();
  });

  it('stops at once in the middle of a restart that does not come to an end', async () => {
    const { signal, prints, ended, ask } = await serving({
      faults: { openNever: 2 },
      readyTimeoutMs: 60_000,
    });
    const slow = ask('/slow');
    await prints(/worker \d+: slow/);
    signal('SIGUSR2');
    await prints(/worker \d+: opens 2/);
    signal('SIGTERM');
    expect((await slow).generation).toBe(1);
    expect((await ended).code).toBe(0);
  });

  it('finishes what is under way in a restart, and closes the old resources afterwards', async () => {
    const { ask, signal, prints } = await serving();
    const slow = ask('/slow');
    await prints(/worker \d+: slow/);
    signal('SIGUSR2');
    expect((await slow).generation).toBe(1);
    const [text] = await prints(/[\s\S]*primary: restarted/);
    expect(text.lastIndexOf('opened 2')).toBeLessThan(text.indexOf('closed 1'));
  });

  it('closes WebSockets of the old generation with 1001', async () => {
    const { url, signal, ask } = await serving();
    const client = new WebSocket(url('/socket').replace('http', 'ws'));
    await once(client, 'open');
    const closed = once(client, 'close');
    signal('SIGUSR2');
    expect((await closed)[0]).toBe(1001);
    await until(async () => (await ask()).generation === 2);
  });

  it('moves a connection that has said nothing yet, and one with half a head ends with its answer', async () => {
    const { port, signal, prints, ask } = await serving();
    const [silent, half] = [await connected(port), await connected(port)];
    half.write('GET / HTTP/1.1\r\nHo');
    // Each worker has read what came before this.
    await bothWorkers(ask);
    signal('SIGUSR2');
    await prints(/draining/);
    half.write('st: here\r\nConnection: close\r\n\r\n');
    expect(await untilEnd(half)).toContain('"generation":1');
    await prints(/restarted/);
    silent.write('GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n');
    expect(await untilEnd(silent)).toContain('"generation":2');
  });

  it('replaces a worker that was killed, and the other answers meanwhile', async () => {
    const { ask, prints, warns } = await serving();
    const { pid } = await ask();
    process.kill(pid, 'SIGKILL');
    for (let turn = 0; turn < 20; turn++) expect((await ask()).pid).not.toBe(pid);
    await warns(/A worker failed: worker-\d ended \(SIGKILL\)/);
    await prints(/(opened 1[\s\S]*){3}/);
    const pids = new Set();
    await until(async () => pids.add((await ask()).pid).size === 2);
  });

  it(
    'loses with a killed worker only what was under way in it, and is whole again at once',
    async () => {
      const { url, ask } = await serving();
      const state = { running: true, failed: 0, answered: 0 };
      const clients = Array.from({ length: 6 }, async () => {
        let agent = keptConnection();
        while (state.running) {
          const answer = await request(url(), { agent }).catch(() => undefined);
          state[answer?.status === 200 ? 'answered' : 'failed'] += 1;
          if (!answer) agent = keptConnection();
        }
      });
      const times = [];
      for (let turn = 1; turn <= kills; turn++) {
        const [pid] = await bothWorkers(ask);
        await pause(1100);
        const begun = performance.now();
        process.kill(pid, 'SIGKILL');
        await until(async () => ![...(await bothWorkers(ask))].includes(pid));
        times.push(performance.now() - begun);
        expect(state.failed).toBeLessThanOrEqual(turn * clients.length);
      }
      state.running = false;
      await Promise.all(clients);
      expect(state.answered).toBeGreaterThan(100);
      // Half of a second on a machine that has time for it.
      expect(Math.min(...times)).toBeLessThan(5000);
    },
    30_000 + 5000 * kills,
  );

  it('is there again when all workers have crashed, and connections wait meanwhile', async () => {
    const { url, ask } = await serving();
    const crash = () => request(url('/crash'), { agent: false }).catch(() => {});
    await Promise.all([crash(), crash()]);
    expect((await ask()).generation).toBe(1);
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

  it('stops as well on a Ctrl-C that reaches every process of the group', async () => {
    const { ask, prints, ended, child } = await serving();
    const slow = ask('/slow');
    await prints(/worker \d+: slow/);
    process.kill(-child.pid, 'SIGINT');
    expect((await slow).generation).toBe(1);
    expect((await ended).code).toBe(0);
  });

  it.each([
    ['a resource never closes', { faults: { close: 'never' } }, '/', 'the resource "db" has not closed'],
    ['a request is never answered', {}, '/never', 'no answer yet to GET /never'],
  ])(
    'exits with 1 after the deadline where %s, and names the culprit',
    async (_what, options, path, culprit) => {
      const { url, signal, prints, ended } = await serving({ ...options, gracefulShutdownTimeoutMs: 300 });
      const asked = request(url(path), { agent: false }).catch(() => {});
      await (path === '/never' ? prints(/worker \d+: never/) : asked);
      const begun = performance.now();
      signal('SIGTERM');
      const { code, stderr } = await ended;
      expect([code, performance.now() - begun < 4000]).toEqual([1, true]);
      expect(stderr).toContain(culprit);
    },
  );

  it('exits at once on a second signal, and leaves no worker behind', async () => {
    const { url, ask, signal, prints, ended } = await serving({ gracefulShutdownTimeoutMs: 60_000 });
    const pids = [...(await bothWorkers(ask))];
    request(url('/never'), { agent: false }).catch(() => {});
    await prints(/worker \d+: never/);
    signal('SIGTERM');
    await prints(/primary: draining/);
    signal('SIGTERM');
    expect((await ended).code).toBe(1);
    await until(() => !pids.some(isAlive));
  });

  it('leaves no worker behind where the primary is killed', async () => {
    const { ask, signal, child } = await serving();
    const pids = [...(await bothWorkers(ask))];
    signal('SIGKILL');
    await until(() => ![child.pid, ...pids].some(isAlive));
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

  it('drains the connections of TLS, which cannot move, without cutting one', async () => {
    const { port, signal, prints } = await serving({ tls: certificate() });
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
    onTestFinished(() => agent.destroy());
    const ask = async () => {
      const outgoing = https.get(`https://127.0.0.1:${port}/`, { agent });
      const [response] = await once(outgoing, 'response');
      return JSON.parse(await text(response)).generation;
    };
    expect(await ask()).toBe(1);
    signal('SIGUSR2');
    let restarted = false;
    const done = prints(/primary: restarted/).then(() => {
      restarted = true;
    });
    const generations = [];
    while (!restarted) {
      generations.push(await ask());
      await pause(10);
    }
    await done;
    expect([generations.at(0), await ask()]).toEqual([1, 2]);
  });

  it('has the endpoints on a port of their own in the primary', async () => {
    const probe = http.createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = probe.address();
    await new Promise((resolve) => probe.close(resolve));
    const { url } = await serving({ healthEndpoints: { port } });
    await Promise.all([request(url('/block'), { agent: false }), request(url('/block'), { agent: false })]);
    const begun = performance.now();
    expect((await request(`http://127.0.0.1:${port}/live`)).status).toBe(200);
    expect((await request(`http://127.0.0.1:${port}/ready`)).status).toBe(200);
    expect(performance.now() - begun).toBeLessThan(800);
    expect(JSON.parse((await request(url('/live'), { agent: false })).text).generation).toBe(1);
  });
});
