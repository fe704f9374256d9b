// Proxy mode between real clients and real workers, as the primary runs it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { proxyFront } from '../fixtures/proxy-front.mjs';

const { leastConnectionsLoadBalancer } = createRequire(import.meta.url)('flotilla');

const onLinux = describe.skipIf(process.platform !== 'linux');

/** One request over a connection of its own, unless an agent is given. */
async function ask(url, { agent = false, body, ...options } = {}) {
  const request = http.request(url, { agent, ...options }).end(body);
  const [response] = await once(request, 'response');
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  return { worker: response.headers['x-worker'], ...JSON.parse(text) };
}

const workersOf = async (url, count, options) => {
  const answers = [];
  for (let times = 0; times < count; times++) answers.push((await ask(url, options)).worker);
  return answers;
};

onLinux('a front in proxy mode', () => {
  it('gives connections to the workers in turn, and keeps each with its worker', async () => {
    const { url } = await proxyFront();
    expect(await workersOf(url, 4)).toEqual(['worker-0', 'worker-1', 'worker-0', 'worker-1']);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    expect(new Set(await workersOf(url, 5, { agent })).size).toBe(1);
  });

  it('carries bodies both ways', async () => {
    const { url } = await proxyFront({ workers: 1 });
    const body = Buffer.alloc(5_000_000, 'x');
    expect(await ask(`${url}/a?b`, { method: 'POST', body })).toMatchObject({
      method: 'POST',
      url: '/a?b',
      length: body.length,
    });
  });

  it('counts the connections of each worker, and tells of all of them', async () => {
    const { front, port, workers, told } = await proxyFront({
      config: { loadBalancer: leastConnectionsLoadBalancer },
    });
    const clients = Array.from({ length: 6 }, () => net.connect(port, '127.0.0.1'));
    const loads = () => workers.map(({ seat }) => front.load(seat).connections);
    await vi.waitFor(() => expect(loads()).toEqual([3, 3]));
    for (const client of clients) client.destroy();
    await vi.waitFor(() => expect(loads()).toEqual([0, 0]));
    await front.close();
    const counted = told.count.mock.calls.filter(([name]) => name === 'connections');
    expect(counted.reduce((sum, [, value]) => sum + value, 0)).toBe(6);
  });

  it.each(['v1', 'v2'])(
    'tells workers the client’s address by a PROXY protocol header (%s)',
    async (version) => {
      const { port } = await proxyFront({ app: 'proxy-protocol', config: { proxyProtocol: version } });
      const client = net.connect(port, '127.0.0.1').setEncoding('utf8');
      client.write('said first');
      const [answer] = await once(client, 'data');
      expect(answer).toBe(`${client.localPort} said first`);
      client.destroy();
    },
  );

  it('goes on without a worker that is killed, drained or gone', async () => {
    const { front, url, workers } = await proxyFront({ workers: 3 });
    workers[0].child.kill('SIGKILL');
    await workers[0].ended;
    expect(new Set(await workersOf(url, 6))).toEqual(new Set(['worker-1', 'worker-2']));
    front.gone(workers[0].seat);
    await front.drain(workers[1].seat);
    expect(new Set(await workersOf(url, 6))).toEqual(new Set(['worker-2']));
    await front.ready(workers[1].seat);
    expect(new Set(await workersOf(url, 6))).toEqual(new Set(['worker-1', 'worker-2']));
  });

  it('serves while the primary’s loop is blocked', async () => {
    const { url } = await proxyFront();
    const shared = new Int32Array(new SharedArrayBuffer(4));
    const client = new Worker(
      `const { workerData: { url, shared } } = require('node:worker_threads');
       const http = require('node:http');
       let left = 20;
       const next = () => http.get(url, { agent: false }, (response) => {
         response.resume().on('end', () => {
           if (--left > 0) return next();
           Atomics.store(shared, 0, 1);
           Atomics.notify(shared, 0);
         });
       });
       next();`,
      { eval: true, workerData: { url, shared } },
    );
    onTestFinished(() => client.terminate());
    await once(client, 'online');
    expect(Atomics.wait(shared, 0, 0, 20_000)).not.toBe('timed-out');
  });

  it('listens on a Unix path, and leaves none behind', async () => {
    const host = path.join(tmpdir(), `flotilla-proxy-${process.pid}.sock`);
    const { front } = await proxyFront({ config: { host } });
    const request = http.request({ socketPath: host, path: '/unix', agent: false }).end();
    const [response] = await once(request, 'response');
    expect(response.headers['x-worker']).toBe('worker-0');
    response.resume();
    await front.close();
    const [error] = await once(net.connect(host), 'error');
    expect(error.code).toBe('ENOENT');
  });

  it('says by a code why it cannot listen', async () => {
    const { port } = await proxyFront({ workers: 0 });
    await expect(proxyFront({ workers: 0, config: { port } })).rejects.toMatchObject({
      code: 'FLOTILLA_ERR_ADDRESS_IN_USE',
      cause: { code: 'EADDRINUSE', syscall: 'listen' },
    });
    await expect(proxyFront({ workers: 0, config: { host: '192.0.2.1' } })).rejects.toMatchObject({
      code: 'FLOTILLA_ERR_LISTEN_FAILED',
      cause: { code: 'EADDRNOTAVAIL' },
    });
  });

  it('accepts nothing once it is closed, and keeps what it has', async () => {
    const { front, url, port } = await proxyFront({ workers: 1 });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    await ask(url, { agent });
    await front.close();
    const [error] = await once(net.connect(port, '127.0.0.1'), 'error');
    expect(error.code).toBe('ECONNREFUSED');
    expect((await ask(url, { agent })).worker).toBe('worker-0');
  });
});

/** A front in a process that may open only so many descriptors. */
async function frugalFront(descriptors, ports) {
  const file = fileURLToPath(new URL('../../bench/proxy/front.cjs', import.meta.url));
  const command = `ulimit -n ${descriptors}; exec "$0" "$@"`;
  const child = spawn('sh', ['-c', command, process.execPath, file, ...ports.map(String)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const [line] = await once(child.stdout.setEncoding('utf8'), 'data');
  const cpuTicks = () => {
    const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return Number(fields[11]) + Number(fields[12]);
  };
  const open = () => readdirSync(`/proc/${child.pid}/fd`).length;
  return { port: Number(/port (\d+)/.exec(line)[1]), cpuTicks, open };
}

onLinux('a front that has no descriptors left', () => {
  it('rests, goes on with the connections that it has, and takes new ones when it can', async () => {
    const { workers } = await proxyFront({ workers: 1 });
    const front = await frugalFront(70, [workers[0].seat.port]);
    const url = `http://127.0.0.1:${front.port}`;
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    await ask(url, { agent });
    const before = front.open();
    const broken = vi.fn();
    const crowd = Array.from({ length: 200 }, () => net.connect(front.port, '127.0.0.1').on('error', broken));
    onTestFinished(() => {
      for (const client of crowd) client.destroy();
    });
    await vi.waitFor(() => expect(front.open()).toBeGreaterThan(64));
    const [ticks, start] = [front.cpuTicks(), performance.now()];
    for (let times = 0; times < 20; times++) {
      expect((await ask(url, { agent })).worker).toBe('worker-0');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    // A tick is 10 ms: a thread that spins would have used all of the time.
    const share = ((front.cpuTicks() - ticks) * 10) / (performance.now() - start);
    expect(share).toBeLessThan(0.5);
    // The others wait, in the kernel or here: none is turned away.
    expect(broken).not.toHaveBeenCalled();
    for (const client of crowd) client.destroy();
    expect((await ask(url)).worker).toBe('worker-0');
    await vi.waitFor(() => expect(front.open()).toBeLessThanOrEqual(before + 4));
  });
});

onLinux('probes that are forwarded', () => {
  const probes = [
    { path: '/live', status: 200, body: '{"live":true}' },
    { path: '/ready', status: 503, body: 'not ready' },
  ];

  /** Asks, and tells the status, the body, and the worker that answered, if it was one. */
  async function probe(url, options) {
    const request = http.request(url, { agent: false, ...options }).end();
    const [response] = await once(request, 'response');
    const text = (await response.setEncoding('utf8').toArray()).join('');
    return { status: response.statusCode, text, worker: response.headers['x-worker'] };
  }

  it('are answered here while every worker is stopped, and other requests wait', async () => {
    const { front, url, workers } = await proxyFront();
    front.setProbes(probes);
    for (const { child } of workers) child.kill('SIGSTOP');
    const others = Array.from({ length: 4 }, () => ask(`${url}/other`));
    const asked = Array.from({ length: 20 }, (_, index) =>
      probe(`${url}${index % 2 ? '/live?x' : '/ready'}`),
    );
    const answers = await Promise.all(asked);
    expect(answers.map(({ status }) => status)).toEqual(answers.map((_, index) => (index % 2 ? 200 : 503)));
    expect(answers[1]).toEqual({ status: 200, text: '{"live":true}', worker: undefined });
    expect(await probe(`${url}/ready`, { method: 'HEAD' })).toMatchObject({ status: 503, text: '' });
    for (const { child } of workers) child.kill('SIGCONT');
    for (const { worker } of await Promise.all(others)) expect(worker).toMatch(/^worker-/);
  });

  it('are the worker’s own where it has time', async () => {
    const { front, url } = await proxyFront();
    front.setProbes(probes);
    const own = async () => expect((await probe(`${url}/live`)).worker).toMatch(/^worker-/);
    await vi.waitFor(own, { timeout: 10_000 });
  });

  it('are answered where there is no worker, also to those who ask late, and others wait for one', async () => {
    const { front, port, url, workers } = await proxyFront({ workers: 1 });
    await front.drain(workers[0].seat);
    front.setProbes(probes);
    const silent = net.connect(port, '127.0.0.1').setEncoding('utf8');
    onTestFinished(() => void silent.destroy());
    const other = ask(`${url}/other`);
    expect((await probe(`${url}/ready`)).status).toBe(503);
    silent.write('GET /live HTTP/1.1\r\nHost: x\r\n\r\n');
    expect((await silent.toArray()).join('')).toMatch(/200 OK[\s\S]*true/);
    await front.ready(workers[0].seat);
    expect((await other).worker).toBe('worker-0');
  });

  it('are none that a body only looks like', async () => {
    const { front, port, workers } = await proxyFront({ workers: 1 });
    front.setProbes(probes);
    const client = net.connect({ port, host: '127.0.0.1', noDelay: true }).setEncoding('utf8');
    onTestFinished(() => void client.destroy());
    const body = 'GET /live HTTP/1.1\r\n\r\n';
    client.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`);
    // It has gone to the worker, which has it alone now.
    await vi.waitFor(() => expect(front.load(workers[0].seat).connections).toBe(1));
    await ask(`http://127.0.0.1:${port}/`);
    workers[0].child.kill('SIGSTOP');
    client.write(body);
    expect((await probe(`http://127.0.0.1:${port}/live`)).worker).toBeUndefined();
    expect(client.bytesRead).toBe(0);
    workers[0].child.kill('SIGCONT');
    const [answer] = await once(client, 'data');
    expect(answer).toMatch(/"length":22/);
  });
});

onLinux('a worker whose host has no address', () => {
  it('gets nothing, and the logger hears of it', async () => {
    const { front, url, workers, told } = await proxyFront();
    await front.ready({ ...workers[0].seat, host: 'nowhere.invalid' });
    expect(told.warn).toHaveBeenCalledWith(expect.stringContaining('nowhere.invalid'), expect.any(Error));
    expect(await workersOf(url, 2)).toEqual(['worker-1', 'worker-1']);
  });
});

onLinux('a strategy of the user’s own', () => {
  it('sees the head and the client, and chooses the worker', async () => {
    const seen = [];
    const loadBalancer = vi.fn((context) => {
      seen.push(context);
      return context.candidates.find(({ id }) => context.request.path === `/${id}`);
    });
    const { url, told } = await proxyFront({ workers: 3, config: { loadBalancer } });
    for (const id of ['worker-2', 'worker-0', 'worker-2']) {
      expect((await ask(`${url}/${id}`, { headers: { 'X-Tag': 'one' } })).worker).toBe(id);
    }
    expect(seen[0].request).toMatchObject({ method: 'GET', protocol: 'http1', headers: { 'x-tag': 'one' } });
    expect(seen[0].request.remoteAddress).toBe('127.0.0.1');
    expect(seen[0].socket).toBeInstanceOf(net.Socket);
    expect(seen[0].socket.remotePort).toBe(seen[0].request.remotePort);
    expect(seen.map(({ previousIndex }) => previousIndex)).toEqual([0, 1, 2]);
    expect(told.record).toHaveBeenCalledWith('prelude_duration_ms', expect.any(Number));
    expect(told.warn).not.toHaveBeenCalled();
  });

  it('may answer later', async () => {
    const loadBalancer = async ({ candidates }) => {
      await new Promise(setImmediate);
      return candidates[1];
    };
    const { url } = await proxyFront({ config: { loadBalancer } });
    expect(await workersOf(url, 3)).toEqual(['worker-1', 'worker-1', 'worker-1']);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('no idea');
      },
      /threw/,
    ],
    ['rejects', () => Promise.reject(new Error('no idea')), /threw/],
    ['returns a stranger', () => ({ id: 'worker-9' }), /none of its candidates/],
    ['returns nothing', () => undefined, /none of its candidates/],
    ['never answers', () => new Promise(() => {}), /did not answer within/],
  ])(
    'that %s is replaced by the default one, and the logger hears of it',
    async (_, loadBalancer, message) => {
      const { url, told } = await proxyFront({ config: { loadBalancer } });
      const answers = await Promise.all([ask(url), ask(url)]);
      expect(answers.map(({ worker }) => worker).sort()).toEqual(['worker-0', 'worker-1']);
      expect(told.warn).toHaveBeenCalledTimes(2);
      expect(told.warn.mock.calls[0][0]).toMatch(message);
    },
  );

  it('is asked without a head where the client does not speak first', async () => {
    const loadBalancer = vi.fn(({ candidates }) => candidates[0]);
    const { port, front, workers } = await proxyFront({ config: { loadBalancer } });
    const silent = net.connect(port, '127.0.0.1');
    await vi.waitFor(() => expect(front.load(workers[0].seat).connections).toBe(1));
    expect(loadBalancer.mock.calls[0][0].request).toMatchObject({ protocol: 'unknown', rawHead: '' });
    silent.destroy();
  });
});
