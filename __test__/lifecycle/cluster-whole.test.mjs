// A clustered server as a program sees it: the same object as that of one process, what its workers may do of their own,
// what it measures, where its connections go, and how it ends with clients that stay.

import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { blocked, bothWorkers, serving, until } from '../fixtures/clustered.mjs';
import { emptyFolder } from '../fixtures/folders.mjs';
import { connected, keptConnection, request, untilEnd } from '../fixtures/lifecycle.mjs';
import { node, start } from '../fixtures/processes.mjs';

const fixture = (name) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

const graceMs = 1000;

/** What can be seen of a life, in whichever number of processes. */
const life = `
at first: stopped 0
stop: fulfilled
two starts: fulfilled, Server already started
waitForReady: fulfilled
started: ready true 200 generation 1 on db 1
events: ready
two restarts: fulfilled, fulfilled
restarted: ready true 200 generation 3 on db 3
a restart to wrong code: FLOTILLA_ERR_APP_FAILED
not restarted: ready 200 generation 3 on db 3
a restart to right code: fulfilled
restarted: ready 200 generation 4 on db 4
events: restarted restarted restarted
drains: fulfilled, fulfilled
drained: draining 503 Server is draining; 503 {"status":"not ready"}
a restart: fulfilled
restarted: ready 200 generation 5 on db 5
events: draining restarted
two stops: fulfilled, fulfilled
stopped: stopped ECONNREFUSED
events: draining stopped
a start and a stop: fulfilled, fulfilled
stopped: stopped
a start: fulfilled
started: ready 200 generation 7 on db 7
disposed of: stopped
events: ready draining stopped ready draining stopped
a port that is taken: FLOTILLA_ERR_ADDRESS_IN_USE
not started: stopped
the same start: fulfilled
started: true 200 generation 1 on db 1
listeners for signals: 0
`.trimStart();

describe('a server', () => {
  it.each([
    ['in one process', {}],
    ['clustered', { workers: 1 }],
  ])('%s lives the same life by its methods, and nothing of it keeps the process', async (_kind, options) => {
    const args = [fixture('lifecycle-same.mjs'), JSON.stringify(options), `${emptyFolder()}/wrong`];
    const { code, stdout } = await node(args);
    expect([stdout, code]).toEqual([life, 0]);
  });
});

describe.runIf(process.platform !== 'win32')('a clustered server, asked worker by worker', () => {
  let shared;
  let end = () => {};
  beforeAll(async () => {
    const whenDone = (kill) => {
      end = kill;
    };
    // Connections stay where a strategy has put them, but for those that move away from a busy worker.
    const options = { chooses: 'x-worker', requestInspectionTimeoutMs: 2000, measures: true };
    const times = { healthCheckTimeoutMs: 200, gracefulShutdownTimeoutMs: graceMs };
    shared = await serving({ ...options, ...times, rebalance: true }, { whenDone });
  });
  afterAll(() => end());

  const of = (worker, options) => ({ ...options, headers: { 'x-worker': String(worker) } });
  const health = async () => {
    const { status, text } = await request(shared.url('/health'), { agent: false });
    return { code: status, ...JSON.parse(text) };
  };

  it.each(['/unwell', '/silent'])('is not well where one worker is not (%s), but ready', async (fault) => {
    const { ask, url } = shared;
    await ask(fault, of(1));
    await until(async () => {
      const { code, checks } = await health();
      return code === 503 && checks.db && checks.feels === false && !('workers' in checks);
    });
    expect((await request(url('/ready'), { agent: false })).status).toBe(200);
    await ask('/well', of(1));
    await until(async () => (await health()).code === 200);
  });

  it.runIf(process.platform === 'linux')(
    'moves connections from a busy worker to an idle one, where that is asked for',
    async () => {
      const { url } = shared;
      const agents = Array.from({ length: 8 }, keptConnection);
      const all = async (path) => {
        const answers = await Promise.all(agents.map((agent) => request(url(path), of(0, { agent }))));
        return answers.map(({ text, reused }) => ({ ...JSON.parse(text), reused }));
      };
      const pidsOf = (answers) => new Set(answers.map(({ pid }) => pid)).size;
      expect(pidsOf(await all('/'))).toBe(1);
      let moved;
      await until(async () => {
        moved = await all('/slow');
        return pidsOf(moved) === 2;
      });
      // The connections are the same: their clients have noticed nothing.
      expect(moved.every(({ reused }) => reused)).toBe(true);
    },
  );

  it('tells its telemetry', async () => {
    const { ask, child, signal } = shared;
    let told = '';
    child.stdout.on('data', (text) => {
      told += text;
    });
    const measured = async () => {
      told = '';
      signal('SIGWINCH');
      await until(() => /measured .*\n/.test(told));
      return JSON.parse(/measured (.*)\n/.exec(told)[1]);
    };
    for (let turn = 0; turn < 5; turn++) await ask();
    let all;
    // What the thread that accepts has measured is told now and then, and gauges are set every second.
    await until(async () => {
      all = await measured();
      return all.connections?.value >= 5 && all.healthy_backends?.value === 2;
    });
    expect(all).toMatchObject({
      prelude_duration_ms: { value: expect.any(Number) },
      cpu_percent: { value: expect.any(Number), worker: expect.stringMatching(/^worker-[01]$/) },
      active_connections: { value: expect.any(Number) },
    });
    expect(all).not.toHaveProperty('proxy_errors');
  });

  it('is restarted by its primary alone, and replaces a worker that stops of its own accord', async () => {
    const { ask, prints } = shared;
    expect(await ask('/restart', of(0))).toEqual({ code: 'FLOTILLA_ERR_PRIMARY_ONLY' });
    const { pid, generation } = await ask('/', of(0));
    await ask('/stop', of(0));
    await prints(new RegExp(`worker ${pid}: stopped`));
    expect((await health()).checks.workers).toBe(false);
    await until(async () => (await health()).code === 200);
    const next = await ask('/', of(0));
    expect([next.pid === pid, next.generation]).toEqual([false, generation]);
  });

  it('answers every request and ends in time where clients stay: WebSockets, streams, connections', async () => {
    const { port, url, ask, signal, prints, ended } = shared;
    const polite = new WebSocket(url('/socket').replace('http', 'ws'), { headers: { 'x-worker': '0' } });
    await once(polite, 'open');
    const parked = await connected(port);
    parked.write(
      'GET /socket HTTP/1.1\r\nHost: here\r\nX-Worker: 1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    await once(parked, 'readable');
    const [stream] = await once(http.get(url('/events'), of(1, { agent: false })), 'response');
    const [idle, silent] = [keptConnection(), await connected(port)];
    await request(url(), of(0, { agent: idle }));
    const { length } = await prints({ exec: (text) => text });
    const slow = [0, 1].map((worker) => ask('/slow', of(worker)));
    await prints({ exec: (text) => /(slow[\s\S]*){2}/.exec(text.slice(length)) });
    const gone = [once(polite, 'close'), once(stream.resume(), 'end'), untilEnd(parked), untilEnd(silent)];
    signal('SIGTERM');
    const answers = await Promise.all(slow);
    expect(new Set(answers.map(({ pid }) => pid)).size).toBe(2);
    const [[closeCode]] = await Promise.all(gone);
    expect(closeCode).toBe(1001);
    const { code, stdout } = await ended;
    const begun = performance.now();
    await node(['-e', '']);
    // What a process takes on this machine to begin and end.
    const baselineMs = performance.now() - begun;
    const [from, to] = ['draining', 'stopped'].map((event) =>
      Number(new RegExp(`primary: ${event} at (.*)`).exec(stdout)[1]),
    );
    expect([code, to - from < graceMs + 100 + baselineMs]).toEqual([0, true]);
  });
});

describe.runIf(process.platform !== 'win32')('a clustered server', () => {
  it('ends in time and with 1 where a worker is blocked for ever', async () => {
    const { url, signal, ended } = await serving({ gracefulShutdownTimeoutMs: 50 });
    await blocked(url);
    signal('SIGTERM');
    const { code, stdout, stderr } = await ended;
    expect([code, stdout.match(/closed 1/g)?.length]).toEqual([1, 1]);
    expect(stdout).toContain('primary: stopped');
    expect(stderr).toMatch(/worker-\d ended \(SIGKILL: it had not left after 1050 ms\)/);
  });

  it('ends at once and with 1 where a worker dies while the others wait for its last answer', async () => {
    const { url, ask, prints, signal, ended } = await serving({ gracefulShutdownTimeoutMs: 600_000 });
    await bothWorkers(ask);
    request(url('/never'), { agent: false }).catch(() => {});
    const [, pid] = await prints(/worker (\d+): never/);
    signal('SIGTERM');
    await until(async () => (await request(url(), { agent: false })).status === 503);
    process.kill(Number(pid), 'SIGKILL');
    const { code, stderr } = await ended;
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/A worker failed: worker-\d ended \(SIGKILL\)/),
    ]);
  });

  it('is refused in a worker of another program’s cluster, where a server of one process is served', async () => {
    const { code, stdout } = await node([fixture('lifecycle-foreign.mjs')]);
    const message =
      'a server with `workers` is for the primary, and this is a worker. It was started by cluster.fork(): make the call in the primary, which starts the workers by itself';
    const lines = [
      `FLOTILLA_ERR_PRIMARY_ONLY ${message}`,
      'generation 1',
      'flotilla: generation 2 serves',
      'generation 2',
      'flotilla: stopped; all that was under way was answered',
      '',
    ];
    expect([code, stdout]).toEqual([0, lines.join('\n')]);
  });

  it('is refused under PM2 with what to tell PM2', async () => {
    const { stdout } = await node([fixture('lifecycle-foreign.mjs')], {
      env: { ...process.env, pm_id: '0' },
    });
    expect(stdout).toMatch(
      /this is a worker\. PM2 runs this program in a cluster of its own: .*exec_mode: 'fork'/,
    );
  });

  it('is restarted together with a server of the primary, or neither is', async () => {
    const wrong = `${emptyFolder()}/wrong`;
    const { prints, child } = start(process.execPath, [fixture('lifecycle-several.mjs'), wrong]);
    const [, ...ports] = await prints(/ports (\d+) (\d+)/);
    const ask = async (port) => (await request(`http://127.0.0.1:${port}/`, { agent: false })).text;
    const asked = () => Promise.all(ports.map(ask));
    for (const [where, why] of [
      ['primary', 'could not be made: no such module'],
      // Its worker was ready, and is dead when the server of the primary is ready too.
      ['worker', 'worker-0 ended \\(3\\)'],
    ]) {
      writeFileSync(wrong, where);
      process.kill(child.pid, 'SIGHUP');
      await prints(new RegExp(`none restarted: .*${why}`));
      expect(await asked()).toEqual(['api 1 of a worker', 'admin 1 of the primary']);
    }
    rmSync(wrong);
    process.kill(child.pid, 'SIGHUP');
    await prints(/all restarted/);
    expect(await asked()).toEqual(['api 2 of a worker', 'admin 2 of the primary']);
  });
});
