// `startServer` over each of its fronts: what clients, programs and operators can rely on.

import { once } from 'node:events';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import WebSocket from 'ws';
import {
  answering,
  ask,
  bothWorkers,
  fronts,
  keepAlive,
  serving,
  trigger,
} from '../fixtures/balanced-server.mjs';

/** Asks over and over until told to stop, and tells what went wrong. */
function load(url, clients) {
  const outcome = { answered: 0, failures: [], pids: new Set(), stop: async () => {} };
  let going = true;
  const ends = Array.from({ length: clients }, async () => {
    const agent = keepAlive();
    while (going) {
      try {
        const { status, pid } = await ask(url, { agent, method: 'POST', body: 'x'.repeat(1000) });
        if (status !== 200) outcome.failures.push(status);
        outcome.answered += 1;
        outcome.pids.add(pid);
      } catch (error) {
        outcome.failures.push(error.code ?? error);
      }
    }
  });
  outcome.stop = () => {
    going = false;
    return Promise.all(ends);
  };
  return outcome;
}

describe.each(fronts)('a balanced server, by %s', (name, mode, env) => {
  const serve = (options) => serving({ ...mode, ...options }, env);
  /** What does not depend on how connections travel is tested on the first way alone. */
  const onceOnly = it.skipIf(name !== fronts[0][0]);

  describe('that just serves', () => {
    const done = [];
    let server;
    beforeAll(async () => {
      const options = { ...mode, workers: 3 };
      server = await serving(options, env, { whenDone: (kill) => done.push(kill) });
      await server.printsTimes('worker \\d+: result', 3);
    });
    afterAll(() => {
      for (const kill of done) kill();
    });

    it('says what it is, in the primary and in each worker', async () => {
      const { result, prints, child } = server;
      expect(result).toEqual({
        mode: 'primary',
        pid: child.pid,
        host: '127.0.0.1',
        port: expect.any(Number),
        workers: 3,
      });
      const [, pid, text] = await prints(/worker (\d+): result (.*workerIndex":1.*)/);
      const told = JSON.parse(text);
      expect(told).toEqual({
        mode: 'worker',
        pid: Number(pid),
        host: '127.0.0.1',
        port: told.workerPort,
        workerIndex: 1,
        workerPort: expect.any(Number),
      });
    });

    it('gives connections to all workers in turn, and keeps each where it is', async () => {
      const { url } = server;
      await vi.waitFor(async () => expect(new Set(await answering(url, 6)).size).toBe(3), 10_000);
      const agent = keepAlive();
      expect(new Set(await answering(url, 5, { agent })).size).toBe(1);
    });

    it('carries bodies, and WebSockets', async () => {
      const { url } = server;
      const body = Buffer.alloc(3_000_000, 'x');
      expect(await ask(url, { method: 'POST', body })).toMatchObject({ status: 200, length: body.length });
      const socket = new WebSocket(`${url.replace('http', 'ws')}/socket`);
      onTestFinished(() => socket.terminate());
      await once(socket, 'open');
      socket.send('hello');
      const [message] = await once(socket, 'message');
      expect(String(message)).toMatch(/^\d+ hello$/);
    });

    it('answers a client that has ended its side, and not where that is not wanted', async () => {
      const { port } = server;
      const client = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }).setEncoding('utf8');
      client.end('GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n');
      let text = '';
      for await (const chunk of client) text += chunk;
      expect(text).toMatch(/^HTTP\/1.1 200/);
    });
  });

  it('serves on a Unix socket', async () => {
    const host = path.join(tmpdir(), `flotilla-balanced-${process.pid}-${name.replaceAll(' ', '-')}.sock`);
    const { result } = await serve({ host });
    expect(result.host).toBe(host);
    expect(await ask({ socketPath: host, path: '/' })).toMatchObject({ status: 200 });
  });

  it.each(name === fronts[0][0] ? ['sticky', 'later'] : ['sticky'])(
    'asks a strategy of the program’s own (%s)',
    async (strategy) => {
      const { url, printsTimes } = await serve({ strategy, requestInspectionTimeoutMs: 1000 });
      await printsTimes('worker \\d+: result', 2);
      const visitors = ['1', '1', '2', '2', '1'];
      const asked = async () => {
        const pids = [];
        for (const visitor of visitors)
          pids.push((await ask(url, { headers: { 'x-visitor': visitor } })).pid);
        return pids;
      };
      await vi.waitFor(async () => {
        const [one, again, two, twice, last] = await asked();
        if (strategy === 'sticky') expect([again, twice, last]).toEqual([one, two, one]);
        expect(new Set([one, again, two]).size).toBe(2);
      }, 10_000);
    },
  );

  onceOnly.each(['throws', 'stranger', 'never'])(
    'serves by the default strategy where the program’s own fails (%s)',
    async (strategy) => {
      const { url, prints } = await serve({ strategy });
      expect(await ask(url)).toMatchObject({ status: 200 });
      await prints(/warns flotilla: the load balancer/);
    },
  );

  it('shows strategies the workers, the request and the client', async () => {
    const { url, prints } = await serve({ strategy: 'looking', requestInspectionTimeoutMs: 1000 });
    await ask(`${url}/path?query`);
    const [, text] = await prints(/sees (.*)/);
    const seen = JSON.parse(text);
    expect(seen).toMatchObject({
      candidate: { healthy: true, ready: true },
      request: { method: 'GET', path: '/path?query', host: 'string' },
      from: ['127.0.0.1', 'number', '127.0.0.1'],
      previousIndex: 0,
    });
    expect(seen.candidate.id).toBe(`worker-${seen.candidate.workerIndex}`);
    expect(seen.candidate.stats).toEqual(
      expect.arrayContaining([
        'pid',
        'cpuPercent',
        'rssBytes',
        'heapUsedBytes',
        'sampledAt',
        'activeConnections',
      ]),
    );
  });

  onceOnly('replaces a worker that ends unasked, and serves meanwhile', async () => {
    const { url, printsTimes, prints } = await serve();
    await printsTimes('worker \\d+: result', 2);
    await ask(`${url}/crash`).catch(() => {});
    await prints(/error FLOTILLA_ERR_WORKER_FAILED/);
    expect(await ask(url)).toMatchObject({ status: 200 });
    await printsTimes('worker \\d+: result', 3);
    await bothWorkers(url);
  });

  onceOnly('replaces a worker that ends its service of its own accord', async () => {
    const { url, printsTimes } = await serve();
    await printsTimes('worker \\d+: result', 2);
    const before = new Set(await bothWorkers(url));
    expect(await ask(`${url}/leave`)).toMatchObject({ text: 'left' });
    await printsTimes('worker \\d+: result', 3);
    const now = await bothWorkers(url);
    expect(now.filter((pid) => before.has(pid))).toHaveLength(1);
  });

  onceOnly('replaces nobody where it is not to', async () => {
    const { url, prints, printsTimes } = await serve({ respawnWorkers: false });
    await printsTimes('worker \\d+: result', 2);
    await bothWorkers(url);
    await ask(`${url}/crash`).catch(() => {});
    await prints(/error FLOTILLA_ERR_WORKER_FAILED/);
    await pause(500);
    expect(new Set(await answering(url, 4)).size).toBe(1);
  });

  it('outlives the death of all its workers at once', async () => {
    const { url, printsTimes } = await serve();
    await printsTimes('worker \\d+: result', 2);
    for (const pid of await bothWorkers(url)) process.kill(pid, 'SIGKILL');
    await printsTimes('worker \\d+: result', 4);
    await bothWorkers(url);
  });

  /** Where connections move, more is tested: in `handing-over.test.mjs`. */
  it.skipIf(mode.mode === 'handoff')('restarts under load with no request lost', async () => {
    const { url, order, printsTimes } = await serve();
    await printsTimes('worker \\d+: result', 2);
    const requests = load(url, 6);
    await vi.waitFor(() => expect(requests.answered).toBeGreaterThan(20));
    const before = new Set(requests.pids);
    expect(await order('SIGHUP', 'restart')).toMatch('done restart');
    const then = requests.answered;
    await vi.waitFor(() => expect(requests.answered).toBeGreaterThan(then + 20));
    await requests.stop();
    expect(requests.failures).toEqual([]);
    expect(before.size).toBeGreaterThan(0);
    for (const pid of await answering(url, 4)) expect(before).not.toContain(pid);
  });

  onceOnly.each(['load', 'exit', 'app'])('keeps the old workers where new code fails (%s)', async (fault) => {
    const { file, pull, release } = trigger();
    const { url, order, printsTimes } = await serve({ faults: { [fault]: file } });
    await printsTimes('worker \\d+: result', 2);
    const old = new Set(await bothWorkers(url));
    pull();
    const code = fault === 'app' ? 'LISTEN_FAILED' : 'WORKER_FAILED';
    expect(await order('SIGHUP', 'restart')).toMatch(`failed restart FLOTILLA_ERR_${code}`);
    expect(new Set(await bothWorkers(url))).toEqual(old);
    release();
    expect(await order('SIGHUP', 'restart')).toMatch('done restart');
    for (const pid of await answering(url, 4)) expect(old).not.toContain(pid);
  });

  it('stops with everything answered that was under way, and can be started again', async () => {
    const { url, order, prints } = await serve({ stays: true });
    const slow = ask(`${url}/slow`);
    await prints(/: slow/);
    expect(await order('SIGCONT', 'stop')).toMatch('done stop');
    expect(await slow).toMatchObject({ status: 200 });
    await expect(ask(url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(await order('SIGHUP', 'restart')).toMatch('failed restart FLOTILLA_ERR_SERVER_NOT_STARTED');
    expect(await order('SIGWINCH', 'start')).toMatch('done start');
    const [text] = await prints(/primary: result[\s\S]*primary: result.*\n/);
    const { port } = JSON.parse(text.split('primary: result ').at(-1).split('\n', 1)[0]);
    expect(await ask(`http://127.0.0.1:${port}`)).toMatchObject({ status: 200 });
  });

  onceOnly('ends on SIGTERM with code 0, and with all that was under way answered', async () => {
    const { url, child, prints, printsTimes, ended } = await serve();
    await printsTimes('worker \\d+: result', 2);
    const slow = ask(`${url}/slow`);
    await prints(/: slow/);
    child.kill('SIGTERM');
    expect(await slow).toMatchObject({ status: 200 });
    const { code, stdout } = await ended;
    expect(code).toBe(0);
    // The program's own server in each of both workers, once.
    expect(stdout.match(/http closes/g)).toHaveLength(2);
  });

  onceOnly('ends with code 1 after the deadline, and at once on a second signal', async () => {
    for (const [times, gracefulShutdownTimeoutMs] of [
      [1, 200],
      [2, 60_000],
    ]) {
      const { url, child, prints, ended } = await serve({ gracefulShutdownTimeoutMs });
      ask(`${url}/never`).catch(() => {});
      await prints(/: never/);
      child.kill('SIGTERM');
      if (times > 1) {
        await pause(200);
        child.kill('SIGTERM');
      }
      expect(await ended).toMatchObject({ code: 1 });
    }
  });

  it('lets WebSockets and event streams end, with a word, when it stops', async () => {
    const { url, child, ended } = await serve();
    const socket = new WebSocket(`${url.replace('http', 'ws')}/socket`);
    await once(socket, 'open');
    const stream = ask(`${url}/events`);
    await vi.waitFor(() => expect(socket.readyState).toBe(WebSocket.OPEN));
    await pause(100);
    child.kill('SIGTERM');
    const [code] = await once(socket, 'close');
    expect(code).toBe(1001);
    expect(await stream).toMatchObject({ status: 200, text: 'data: first\n\n' });
    expect(await ended).toMatchObject({ code: 0 });
  });

  it('tells the telemetry, and goes on where that throws', async () => {
    const { url, prints } = await serve({ sink: 'throws', strategy: 'looking' });
    expect(await ask(url)).toMatchObject({ status: 200 });
    await prints(/counter connections 1/);
    await prints(/histogram prelude_duration_ms number/);
    await prints(/histogram cpu_percent number worker,worker-\d/);
    await prints(/gauge healthy_backends 2/);
    await prints(/gauge active_connections \d/);
    await prints(/error flotilla: the telemetry sink threw/);
  });

  onceOnly('heeds no message that is not right', async () => {
    const { url, child, printsTimes, ended } = await serve({ faults: { forge: true } });
    await printsTimes('worker \\d+: has forged', 2);
    await bothWorkers(url);
    child.kill('SIGTERM');
    // No worker was replaced, and the primary has come to no harm.
    const { code, stdout, stderr } = await ended;
    expect(code).toBe(0);
    expect(stdout.match(/worker \d+: result/g)).toHaveLength(2);
    expect(stderr).toBe('');
  });

  onceOnly(
    'gives no connection to a worker that has not reported for long, and gives some again when it has',
    async () => {
      const options = { workerHeartbeatIntervalMs: 50, workerHeartbeatStaleAfterMs: 400, workers: 2 };
      const { url, printsTimes } = await serve(options);
      await printsTimes('worker \\d+: result', 2);
      const [pid, other] = await bothWorkers(url);
      process.kill(pid, 'SIGSTOP');
      onTestFinished(() => process.kill(pid, 'SIGCONT'));
      await pause(700);
      expect(new Set(await answering(url, 3))).toEqual(new Set([other]));
      process.kill(pid, 'SIGCONT');
      await bothWorkers(url);
    },
  );
});
