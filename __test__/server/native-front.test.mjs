// Connections handed over to real workers: what clients see, and what becomes of the sockets.

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { createRequire } from 'node:module';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { handoffFront } from '../fixtures/handoff-front.mjs';

const require = createRequire(import.meta.url);
const { NativeBack } = require('../../lib/cluster/back.js');
const { ConnectionTable } = require('../../lib/http/connection-table.js');
const { leastConnectionsLoadBalancer } = require('../../lib/cluster/strategies.js');

const onLinux = describe.skipIf(process.platform !== 'linux');
/** How many requests are sent in two parts while their connection moves. */
const turns = Number(process.env.FLOTILLA_TEST_MOVES ?? 3000) / 10;

function keepAlive(Agent = http.Agent) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  return agent;
}

/** One request over a connection of its own, unless an agent is given. */
async function ask(url, { agent = false, body, protocol = http, ...options } = {}) {
  const where = typeof url === 'string' ? [url] : [];
  const more = typeof url === 'string' ? options : url;
  const request = protocol.request(...where, { agent, rejectUnauthorized: false, ...more }).end(body);
  const [response] = await once(request, 'response');
  const port = response.socket.localPort;
  const chunks = [];
  for await (const chunk of response) chunks.push(chunk);
  const { statusCode: status, headers } = response;
  return { status, worker: headers['x-worker'], headers, body: Buffer.concat(chunks), port };
}

async function workersOf(url, count, options) {
  const answers = [];
  for (let times = 0; times < count; times++) answers.push((await ask(url, options)).worker);
  return answers;
}

function connect(port) {
  const client = net.connect(port, '127.0.0.1').setEncoding('utf8');
  client.on('error', () => {});
  onTestFinished(() => void client.destroy());
  return client;
}

/** Reads until the text has what is looked for. */
async function reads(client, pattern) {
  let text = '';
  for await (const chunk of client.iterator({ destroyOnReturn: false })) {
    text += chunk;
    if (pattern.test(text)) return text;
  }
  throw new Error(`the connection ended after ${JSON.stringify(text)}`);
}

const get = (target, more = '') => `GET ${target} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;

onLinux('a front that hands connections over', () => {
  it('gives them to the workers in turn, and keeps each with its worker', async () => {
    const { url } = await handoffFront();
    expect(new Set(await workersOf(url, 4)).size).toBe(2);
    expect(new Set(await workersOf(url, 5, { agent: keepAlive() })).size).toBe(1);
  });

  it('lets workers see the client’s own address', async () => {
    const { url } = await handoffFront({ workers: 1 });
    const { body, port } = await ask(`${url}/who`);
    expect(body.toString()).toBe(`127.0.0.1 ${port}`);
  });

  it('carries large bodies both ways', async () => {
    const { url } = await handoffFront({ workers: 1 });
    const body = Buffer.alloc(5_000_000, 'flotilla');
    expect((await ask(url, { method: 'POST', body })).body.equals(body)).toBe(true);
  });

  it('answers requests that come at once in their order, and a client that has ended its side', async () => {
    const { port } = await handoffFront();
    const client = connect(port);
    client.end(get('/a') + get('/b') + get('/c', 'Connection: close\r\n'));
    const text = (await client.toArray()).join('');
    expect([...text.matchAll(/worker-\d \/(\w)/g)].map(([, name]) => name)).toEqual(['a', 'b', 'c']);
  });

  it('leaves upgraded connections and streams of events to their worker', async () => {
    const { port, url } = await handoffFront();
    const socket = connect(port);
    socket.write(get('/', 'Connection: Upgrade\r\nUpgrade: echo\r\n'));
    await reads(socket, /\r\n\r\n/);
    socket.write('hello');
    expect(await reads(socket, /hello/)).toBe('hello');
    const request = http.get(`${url}/events`, { agent: false });
    const [response] = await once(request, 'response');
    const [event] = await once(response, 'data');
    expect(String(event)).toContain('data: here');
    request.destroy();
  });

  it.each([['::1'], [path.join(tmpdir(), `flotilla-${process.pid}.sock`)]])('listens on %s', async (host) => {
    if (host.startsWith('/')) onTestFinished(() => rm(host, { force: true }));
    const { port, front } = await handoffFront({ config: { host } });
    const where = host.startsWith('/') ? { socketPath: host } : { host, port };
    expect((await ask({ ...where, path: '/' })).status).toBe(200);
    await front.close();
    await expect(ask({ ...where, path: '/' })).rejects.toThrow();
  });

  it('says that its port is taken', async () => {
    const { port } = await handoffFront({ workers: 0 });
    await expect(handoffFront({ workers: 0, config: { port } })).rejects.toMatchObject({
      code: 'FLOTILLA_ERR_ADDRESS_IN_USE',
    });
  });

  it('lets connections wait until a worker is ready', async () => {
    const { url, add } = await handoffFront({ workers: 0 });
    const asked = ask(url);
    await add();
    expect((await asked).status).toBe(200);
  });

  it('counts connections and requests as they are', async () => {
    const { front, port, workers } = await handoffFront({
      config: { loadBalancer: leastConnectionsLoadBalancer },
    });
    const clients = Array.from({ length: 6 }, () => connect(port));
    const loads = () => workers.map(({ seat }) => front.load(seat).connections);
    await vi.waitFor(() => expect(loads().reduce((sum, each) => sum + each)).toBe(6), 10_000);
    clients[0].write(get('/events'));
    await once(clients[0], 'data');
    const inFlight = () => workers.map(({ seat }) => front.load(seat).inFlightRequests).sort();
    expect(inFlight()).toEqual([0, 1]);
    for (const client of clients) client.destroy();
    await vi.waitFor(() => expect(loads()).toEqual([0, 0]));
    await vi.waitFor(() => expect(inFlight()).toEqual([0, 0]));
  });

  it('keeps the books of the HTTP server', async () => {
    const { port, workers } = await handoffFront({ workers: 1 });
    const [worker] = workers;
    const clients = [connect(port), connect(port)];
    clients[0].write(get('/'));
    await once(clients[0], 'data');
    await vi.waitFor(async () => expect((await worker.tell('look')).connections).toBe(2));
    expect(await worker.tell('close')).toBe('closing');
    const closed = once(worker.child, 'message');
    for (const client of clients) client.destroy();
    expect((await closed)[0]).toBe('closed');
  });

  it('lets a server refuse more connections than it wants', async () => {
    const { port } = await handoffFront({ workers: 1, app: 'few' });
    const first = connect(port);
    first.write(get('/'));
    await once(first, 'data');
    const second = connect(port);
    second.write(get('/'));
    // A connection that is closed with something unread ends with a reset, also where Node has accepted it.
    await new Promise((resolve) => second.once('close', resolve));
    expect(second.bytesRead).toBe(0);
    first.write(get('/'));
    await once(first, 'data');
  });

  it.each([
    ['https', https],
    ['http2', http2],
  ])('serves %s, and never moves it', async (app, protocol) => {
    const { front, host, port, workers } = await handoffFront({ workers: 2, app });
    const url = `https://${host}:${port}`;
    if (app === 'https') {
      const agent = keepAlive(https.Agent);
      const before = await ask(url, { agent, protocol });
      const worker = workers.find(({ seat }) => seat.id === before.worker);
      await front.drain(worker.seat);
      expect(await worker.tell('drain')).toBe('drained');
      const after = await ask(url, { agent, protocol });
      expect(after.port).not.toBe(before.port);
      expect(after.worker).not.toBe(before.worker);
    } else {
      const session = http2.connect(url, { rejectUnauthorized: false });
      onTestFinished(() => session.destroy());
      const stream = session.request({ ':path': '/' });
      const [headers] = await once(stream, 'response');
      await stream.resume().toArray();
      const worker = workers.find(({ seat }) => seat.id === headers['x-worker']);
      await front.drain(worker.seat);
      expect(await worker.tell('drain')).toBe('drained');
    }
    expect(front.counts().moved).toBe(0);
  });

  it('takes back what a blocked worker does not take', async () => {
    const { front, url, workers } = await handoffFront();
    expect(await workers[0].tell('block')).toBe('blocking');
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask(url)));
    expect(answers.map(({ worker }) => worker)).toEqual(Array(8).fill('worker-1'));
    expect(front.counts().takenBack + 8).toBeGreaterThan(8);
  });

  it('gives to others what a killed worker had not taken', async () => {
    const { url, workers, add } = await handoffFront({ workers: 1 });
    const [{ child }] = workers;
    child.kill('SIGSTOP');
    const asked = Array.from({ length: 20 }, () => ask(url));
    await new Promise((resolve) => setTimeout(resolve, 50));
    child.kill('SIGKILL');
    await add();
    const answers = await Promise.all(asked);
    expect(answers.map(({ worker }) => worker)).toEqual(Array(20).fill('worker-1'));
  });

  it('loses no connection of a worker that has no descriptor left', async () => {
    const { url, workers, add } = await handoffFront({ workers: 1 });
    const [{ child, tell }] = workers;
    await promisify(execFile)('prlimit', ['--pid', String(child.pid), '--nofile=128:128']);
    expect(await tell('exhaust')).toBe('EMFILE');
    const asked = Array.from({ length: 10 }, () => ask(url));
    const other = await add();
    // Those that wait for a descriptor get one here, unless Node has just let one go there.
    expect((await Promise.all(asked)).map(({ worker }) => worker)).toContain('worker-1');
    other.child.kill('SIGSTOP');
    const waiting = Array.from({ length: 10 }, () => ask(url));
    expect(await tell('relieve')).toBe('relieved');
    expect((await Promise.all(waiting)).map(({ worker }) => worker)).toEqual(Array(10).fill('worker-0'));
  });

  it('meets its workers where nobody else can come', async () => {
    const names = () => readFileSync('/proc/net/unix', 'latin1').match(/@\S*flotilla\S*$/gm) ?? [];
    const before = new Set(names());
    const { url, workers } = await handoffFront({ workers: 1 });
    expect(names().filter((name) => !before.has(name) && name.includes(String(process.pid)))).toEqual([]);
    // What they have inherited for it, they pass on to no process of their own.
    expect(await workers[0].tell('inherited')).toEqual([]);
    expect((await ask(url)).status).toBe(200);
  });

  it('does not let in what has inherited nothing', () => {
    const server = http.createServer();
    const table = new ConnectionTable({});
    for (const number of [-24, 1, 1e6]) {
      expect(() => new NativeBack(table).attach(server, number)).toThrow(
        expect.objectContaining({ code: 'FLOTILLA_ERR_HANDOFF_UNREACHABLE' }),
      );
    }
  });
});

onLinux('a strategy of the user’s own, where connections are handed over', () => {
  it('sees the request, and chooses', async () => {
    const loadBalancer = ({ candidates, request }) =>
      candidates.find(({ id }) => id === request.headers['x-wanted']);
    const { url } = await handoffFront({ workers: 3, config: { loadBalancer } });
    for (const wanted of ['worker-2', 'worker-0', 'worker-2']) {
      expect(await workersOf(url, 1, { headers: { 'x-wanted': wanted } })).toEqual([wanted]);
    }
  });

  it('is done without where it throws, and does not hold up those that say nothing', async () => {
    const loadBalancer = () => {
      throw new Error('no idea');
    };
    const { port, url, told, front, workers } = await handoffFront({ config: { loadBalancer } });
    const silent = connect(port);
    expect((await ask(url)).status).toBe(200);
    expect(told.warn).toHaveBeenCalled();
    const total = () => workers.reduce((sum, { seat }) => sum + front.load(seat).connections, 0);
    await vi.waitFor(() => expect(total()).toBe(1));
    silent.write(get('/late'));
    expect(await reads(silent, /late/)).toContain('/late');
  });

  it('is spared what is no request', async () => {
    const loadBalancer = ({ candidates }) => candidates[0];
    const { port, url, front, workers } = await handoffFront({ config: { loadBalancer } });
    const descriptors = readdirSync('/proc/self/fd').length;
    const clients = [
      '\0\x01\x02\x03',
      'GET / HTTP/1.1\r\n',
      `GET / HTTP/1.1\r\nX: ${'a'.repeat(100_000)}`,
      'G',
    ].map((bytes) => {
      const client = connect(port);
      client.write(bytes);
      return client;
    });
    expect((await ask(url)).status).toBe(200);
    for (const client of clients) client.destroy();
    const total = () => workers.reduce((sum, { seat }) => sum + front.load(seat).connections, 0);
    await vi.waitFor(() => expect(total()).toBe(0), 5000);
    await vi.waitFor(() => expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(descriptors));
  });
});

onLinux('probes', () => {
  const probes = [
    { path: '/live', status: 200, body: '{"live":true}' },
    { path: '/ready', status: 503, body: 'not ready' },
  ];

  it('are answered while every worker is stopped, and other requests wait', async () => {
    const { front, url, workers } = await handoffFront();
    front.setProbes(probes);
    for (const { child } of workers) child.kill('SIGSTOP');
    const others = Array.from({ length: 10 }, () => ask(`${url}/other`));
    const alone = await ask(`${url}/live?x=1`);
    expect([alone.status, alone.body.toString()]).toEqual([200, '{"live":true}']);
    expect(alone.headers['content-type']).toContain('application/json');
    const asked = Array.from({ length: 50 }, (_, index) => ask(`${url}${index % 2 ? '/live' : '/ready'}`));
    const answers = await Promise.all(asked);
    expect(answers.map(({ status }) => status)).toEqual(answers.map((_, index) => (index % 2 ? 200 : 503)));
    const { status, body } = await ask(`${url}/ready`, { method: 'HEAD' });
    expect([status, body.length]).toEqual([503, 0]);
    for (const { child } of workers) child.kill('SIGCONT');
    for (const { worker } of await Promise.all(others)) expect(worker).toMatch(/^worker-/);
  });

  it('are answered while every worker computes', async () => {
    const { front, url, workers } = await handoffFront();
    front.setProbes(probes);
    for (const worker of workers) expect(await worker.tell('block')).toBe('blocking');
    expect((await ask(`${url}/live`)).headers['x-worker']).toBeUndefined();
  });

  it('are answered where there is no worker, also to those who ask late', async () => {
    const { front, port, url, add } = await handoffFront({ workers: 0 });
    front.setProbes(probes);
    const silent = connect(port);
    const other = ask(`${url}/other`);
    expect((await ask(`${url}/ready`)).status).toBe(503);
    silent.write(get('/live'));
    expect(await reads(silent, /true/)).toContain('200 OK');
    await add();
    expect((await other).worker).toBe('worker-0');
  });

  it('are the worker’s own where it has time, also with a strategy of the user’s own', async () => {
    const loadBalancer = ({ candidates }) => candidates[0];
    const { front, url, workers } = await handoffFront({ config: { loadBalancer } });
    front.setProbes(probes);
    expect((await ask(`${url}/live`)).worker).toBe('worker-0');
    for (const { child } of workers) child.kill('SIGSTOP');
    expect((await ask(`${url}/live`)).worker).toBeUndefined();
  });
});

onLinux('connections that move', () => {
  it('go to another worker when theirs drains, and clients do not notice', async () => {
    const { front, url, workers } = await handoffFront();
    const agents = Array.from({ length: 10 }, () => keepAlive());
    const before = await Promise.all(agents.map((agent) => ask(url, { agent })));
    const late = ask(`${url}/slow/100`, { agent: agents[0] });
    await front.drain(workers[0].seat);
    expect(await workers[0].tell('drain')).toBe('drained');
    expect((await late).status).toBe(200);
    const after = await Promise.all(agents.map((agent) => ask(url, { agent })));
    expect(after.map(({ worker }) => worker)).toEqual(Array(10).fill('worker-1'));
    expect(after.map(({ port }) => port)).toEqual(before.map(({ port }) => port));
    // Half of them, unless a busy machine let one worker come to fewer.
    const theirs = before.filter(({ worker }) => worker === 'worker-0').length;
    expect(theirs).toBeGreaterThan(0);
    expect(front.counts().moved).toBeGreaterThanOrEqual(theirs);
  });

  it('keep their order where requests come one behind the other', {
    timeout: 60_000 + 40 * turns,
  }, async () => {
    const { front, port, workers } = await handoffFront();
    for (const worker of workers) expect(await worker.tell('churn')).toBe('churning');
    const socket = connect(port);
    for (let turn = 0; turn < turns; turn++) {
      const bytes = get(`/${turn}-a`) + get(`/${turn}-b`);
      // The second request is cut anywhere: its first part must not get lost with a worker that lets go.
      const cut = get(`/${turn}-a`).length + 1 + (turn % 20);
      socket.write(bytes.slice(0, cut));
      const first = await reads(socket, /worker-\d \/\d+-a x/);
      expect(first).toContain(`/${turn}-a`);
      socket.write(bytes.slice(cut));
      expect(await reads(socket, /worker-\d \/\d+-b x/)).toContain(`/${turn}-b`);
    }
    expect(front.counts().moved).toBeGreaterThan(0);
  });

  it('leave a busy worker for an idle one, where that is wanted', async () => {
    const { front, url, workers, add } = await handoffFront({ workers: 1, config: { rebalance: true } });
    const agents = Array.from({ length: 8 }, () => keepAlive());
    const all = (target) => Promise.all(agents.map((agent) => ask(url + target, { agent })));
    await all('/');
    await add();
    await vi.waitFor(
      async () => {
        await all('/slow/20');
        const loads = workers.map(({ seat }) => front.load(seat).connections);
        expect(Math.abs(loads[0] - loads[1])).toBeLessThanOrEqual(2);
      },
      { timeout: 10_000, interval: 1 },
    );
  });
});
