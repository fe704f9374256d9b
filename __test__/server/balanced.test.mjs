// `startServer` over each of its fronts: what clients, programs and operators can rely on.

import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
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
import { childrenOf } from '../fixtures/resources.mjs';

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
  const index = fronts.findIndex(([each]) => each === name);

  describe('that just serves', () => {
    const done = [];
    let server;
    beforeAll(async () => {
      const options = { ...mode, workers: 3, workerEnv: { GIVEN_TO_WORKERS: 'yes' } };
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

    it('gives workers the variables of workerEnv, and keeps its own without them', async () => {
      const { prints, printsTimes } = server;
      await printsTimes('worker \\d+: has GIVEN_TO_WORKERS: yes', 3);
      await prints(/primary: has GIVEN_TO_WORKERS: undefined/);
    });

    it('says in the log how connections travel', async () => {
      const [, way] = await server.prints(
        /info flotilla: 3 workers serve 127\.0\.0\.1:\d+; connections are (.*)/,
      );
      const ways = ['handed over', 'forwarded', 'forwarded by JavaScript: FLOTILLA_BALANCER asks for it'];
      expect(way).toBe(process.platform === 'linux' ? ways[index] : expect.stringContaining(ways[1]));
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

  describe.skipIf(name !== fronts[0][0])('whose workers are told to end', () => {
    const done = [];
    let [server, slows] = [undefined, 0];
    beforeAll(async () => {
      server = await serving(mode, env, { whenDone: (kill) => done.push(kill) });
    });
    afterAll(async () => {
      server.child.kill('SIGTERM');
      const { code, stdout } = await server.ended;
      for (const kill of done) kill();
      // None of them has failed, and none was killed.
      expect([code, stdout.match(/error .*/g)]).toEqual([0, null]);
    });

    it.each([
      ['SIGTERM to one of them', (pid) => process.kill(pid, 'SIGTERM')],
      ['worker.kill()', () => server.child.kill('SIGTTIN')],
      ['worker.disconnect()', () => server.child.kill('SIGTTOU')],
      ['cluster.disconnect()', () => server.child.kill('SIGURG')],
      ['cluster.worker.disconnect() in one of them', (_pid, url) => ask(`${url}/disconnect`)],
    ])(
      'answers what is under way, lets connections go on, ends and replaces them (%s)',
      async (_how, end) => {
        const { url, child } = server;
        await vi.waitFor(() => expect(childrenOf(child.pid)).toHaveLength(2), 10_000);
        const before = await bothWorkers(url);
        const [first, second] = [keepAlive(), keepAlive()];
        // A connection with each, of which both stay.
        const kept = [];
        for (const agent of [first, second]) kept.push((await ask(url, { agent })).remotePort);
        const slow = [first, second].map((agent) => ask(`${url}/slow`, { agent }));
        slows += 2;
        await server.printsTimes('worker \\d+: slow', slows);
        end(before[0], url);
        for (const answer of await Promise.all(slow)) expect(answer).toMatchObject({ status: 200 });
        // Whoever was told has ended, and as many are there as before.
        await vi.waitFor(() => {
          const now = childrenOf(child.pid);
          expect(now).toHaveLength(2);
          expect(now.filter((pid) => before.includes(pid)).length).toBeLessThan(2);
        }, 10_000);
        for (const [index, agent] of [first, second].entries()) {
          expect((await ask(url, { agent })).remotePort).toBe(kept[index]);
        }
      },
    );
  });

  it.each(name === fronts[0][0] ? ['http', 'made'] : ['http'])(
    'gives no connection to a worker that closes its server, and replaces it (%s)',
    async (app) => {
      const { url, child, prints, printsTimes, ended } = await serve({ app });
      await printsTimes('worker \\d+: result', 2);
      const [pid, other] = await bothWorkers(url);
      // One that is kept, with each of them.
      const agents = [keepAlive(), keepAlive()];
      for (const agent of agents) await ask(url, { agent });
      const slow = agents.map((agent) => ask(`${url}/slow`, { agent }));
      await printsTimes('worker \\d+: slow', 2);
      let closing;
      do closing = (await ask(`${url}/close-${pid}`)).pid;
      while (closing !== pid);
      for (const answer of await Promise.all(slow)) expect(answer).toMatchObject({ status: 200 });
      await prints(new RegExp(`worker ${pid}: has closed`));
      await printsTimes('worker \\d+: result', 3);
      const now = await bothWorkers(url);
      expect([now.includes(pid), now.includes(other)]).toEqual([false, true]);
      // Its process is the program's to end.
      expect(process.kill(pid, 0)).toBe(true);
      child.kill('SIGTERM');
      const { code, stdout } = await ended;
      expect([code, stdout.match(/error .*/g)]).toEqual([0, null]);
    },
  );

  it.skipIf(name !== fronts[0][0] || process.platform !== 'linux')(
    'leaves no worker behind when the primary is killed, also none that is blocked or stopped',
    async () => {
      const { url, child, prints, printsTimes, ended } = await serve({ workers: 3 });
      await printsTimes('worker \\d+: result', 3);
      const pids = childrenOf(child.pid);
      ask(`${url}/spin`).catch(() => {});
      const [, spinning] = await prints(/worker (\d+): spins/);
      process.kill(
        pids.find((pid) => pid !== Number(spinning)),
        'SIGSTOP',
      );
      child.kill('SIGKILL');
      // Its output is closed when the last process that writes there has ended.
      await ended;
      // Whoever inherits them may be slow to bury them.
      const lives = (/** @type {number} */ pid) =>
        existsSync(`/proc/${pid}`) && !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
      expect(pids).toHaveLength(3);
      await vi.waitFor(() => expect(pids.filter(lives)).toEqual([]));
    },
  );

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
    const code = fault === 'app' ? 'APP_FAILED' : 'WORKER_FAILED';
    expect(await order('SIGHUP', 'restart')).toMatch(`failed restart FLOTILLA_ERR_${code}`);
    expect(new Set(await bothWorkers(url))).toEqual(old);
    release();
    expect(await order('SIGHUP', 'restart')).toMatch('done restart');
    for (const pid of await answering(url, 4)) expect(old).not.toContain(pid);
  });

  onceOnly('keeps the old workers where new ones are dead before all of them are ready', async () => {
    const { file, pull, release } = trigger();
    const { url, order, printsTimes } = await serve({ workers: 4, faults: { die: file } });
    await printsTimes('worker \\d+: result', 4);
    const old = new Set(await answering(url, 8));
    expect(old.size).toBe(4);
    pull();
    expect(await order('SIGHUP', 'restart')).toMatch(
      /failed restart FLOTILLA_ERR_WORKER_FAILED: .*worker-\d ended \(3\)/,
    );
    expect(new Set(await answering(url, 8))).toEqual(old);
    release();
    expect(await order('SIGHUP', 'restart')).toMatch('done restart');
    for (const pid of await answering(url, 8)) expect(old).not.toContain(pid);
  });

  onceOnly('replaces workers that have served a while together, when they die together', async () => {
    const { url, child, ended, printsTimes } = await serving(
      { ...mode, workers: 6 },
      { ...env, DEBUG: 'flotilla:server' },
    );
    await printsTimes('worker \\d+: result', 6);
    const pids = new Set(await answering(url, 12));
    expect(pids.size).toBe(6);
    // Younger than a second, they might die of what they do at their beginning.
    await pause(1100);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await printsTimes('worker \\d+: result', 12);
    child.kill('SIGTERM');
    const { stderr } = await ended;
    const forks = [...stderr.matchAll(/^(\S+).* forked as/gm)].map(([, at]) => Date.parse(at)).slice(6);
    // One by one, each waits for longer than the one before: the last for one and a half seconds here.
    expect([forks.length, forks[5] - forks[0] < 700]).toEqual([6, true]);
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

  onceOnly(
    'says in the log that a worker was replaced, that a restart has succeeded, and that it has stopped',
    async () => {
      const { url, child, order, prints, printsTimes, ended } = await serve();
      await printsTimes('worker \\d+: result', 2);
      await ask(`${url}/crash`).catch(() => {});
      await prints(/primary: info flotilla: worker-\d was replaced, by process \d+/);
      expect(await order('SIGHUP', 'restart')).toMatch('done restart');
      child.kill('SIGTERM');
      const { stdout } = await ended;
      const lines = stdout.match(/info flotilla: .*/g)?.map((line) => line.replace(/\d{2,}/g, 'N'));
      expect(lines).toEqual([
        'info flotilla: 2 workers serve N.0.0.1:N; connections are handed over',
        expect.stringMatching(/^info flotilla: worker-[01] was replaced, by process N$/),
        'info flotilla: generation 2 serves, with new workers',
        'info flotilla: stopped; all that was under way was answered',
      ]);
    },
  );

  onceOnly('takes one grace and a second to end where a worker is blocked', async () => {
    const { url, child, prints, ended } = await serve({ gracefulShutdownTimeoutMs: 500 });
    ask(`${url}/spin`).catch(() => {});
    await prints(/: spins/);
    child.kill('SIGTERM');
    const { code, stdout } = await ended;
    expect(code).toBe(1);
    expect(stdout).toMatch(/worker-\d ended \(SIGKILL: it had not left after 1500 ms\)/);
    expect(stdout).toMatch(/flotilla: stopped; what did not end in time was cut/);
  });

  onceOnly('loses no worker to a SIGUSR2 that its whole process group gets', async () => {
    const { file, pull } = trigger();
    const { child, url, prints, printsTimes, ended } = await serve({ faults: { hang: file } });
    await printsTimes('worker \\d+: result', 2);
    const old = await bothWorkers(url);
    pull();
    child.kill('SIGUSR2');
    const [, hanging] = await prints(/worker (\d+): hangs/);
    // One that is not ready yet, and those that serve.
    for (const pid of [Number(hanging), ...old]) process.kill(pid, 'SIGUSR2');
    expect(new Set(await bothWorkers(url))).toEqual(new Set(old));
    child.kill('SIGTERM');
    const { code, stdout } = await ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/error FLOTILLA_ERR_WORKER_FAILED: .*a stop was asked for before it was ready/);
    expect(stdout).not.toMatch(/SIGUSR2/);
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
