// A clustered server whose workers are replaced, or die, and clients that notice nothing.

import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import tls from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import {
  bothWorkers,
  certificate,
  descriptors,
  isAlive,
  load,
  serving,
  until,
} from '../fixtures/clustered.mjs';
import { emptyFolder } from '../fixtures/folders.mjs';
import { connected, keptConnection, request, untilEnd } from '../fixtures/lifecycle.mjs';

const kills = Number(process.env.FLOTILLA_TEST_WORKER_KILLS ?? 2);
const restarts = Number(process.env.FLOTILLA_TEST_RESTARTS ?? 3);

describe.runIf(process.platform !== 'win32')('a clustered server whose workers change', () => {
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
      expect(state.came).toBeGreaterThan(restarts);
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

  it.each(['SIGINT', 'SIGTERM'])(
    'ends a restart on a %s that reaches every process of the group, and answers what is under way',
    async (name) => {
      const { ask, prints, signal, ended, child } = await serving({ faults: { openNever: 2 } });
      signal('SIGUSR2');
      await prints(/worker \d+: opens 2/);
      const slow = ask('/slow');
      await prints(/worker \d+: slow/);
      process.kill(-child.pid, name);
      expect((await slow).generation).toBe(1);
      const { code, stdout } = await ended;
      expect(code).toBe(0);
      expect(stdout).not.toMatch(/opened 2|primary: restarted/);
      const workers = [...stdout.matchAll(/worker (\d+):/g)].map(([, pid]) => Number(pid));
      await until(() => !workers.some(isAlive));
    },
  );

  it('finishes what is under way in a restart, ends WebSockets, and closes the old resources afterwards', async () => {
    const { url, ask, signal, prints } = await serving();
    const client = new WebSocket(url('/socket').replace('http', 'ws'));
    await once(client, 'open');
    const closed = once(client, 'close');
    const slow = ask('/slow');
    await prints(/worker \d+: slow/);
    signal('SIGUSR2');
    expect([(await slow).generation, (await closed)[0]]).toEqual([1, 1001]);
    const [text] = await prints(/[\s\S]*primary: restarted/);
    expect(text.lastIndexOf('opened 2')).toBeLessThan(text.indexOf('closed 1'));
    expect((await ask()).generation).toBe(2);
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
    'loses with a killed worker only what it had read, and is whole again at once',
    async () => {
      const readsFile = `${emptyFolder()}/reads`;
      const started = performance.now();
      const { url, ask } = await serving({ readsFile });
      const startMs = performance.now() - started;
      const state = { running: true, failed: [], answered: 0 };
      const clients = Array.from({ length: 6 }, async (_, client) => {
        let agent = keptConnection();
        for (let turn = 0; state.running; turn++) {
          const id = `${client}.${turn}`;
          const answer = await request(url(), { agent, headers: { 'x-id': id } }).catch(() => undefined);
          if (answer?.status === 200) state.answered += 1;
          else {
            state.failed.push(id);
            agent = keptConnection();
          }
        }
      });
      const times = [];
      for (let turn = 1; turn <= kills; turn++) {
        const [pid] = await bothWorkers(ask);
        // One that ends younger is not replaced at once.
        await pause(1100);
        const begun = performance.now();
        process.kill(pid, 'SIGKILL');
        await until(async () => ![...(await bothWorkers(ask))].includes(pid));
        times.push(performance.now() - begun);
      }
      state.running = false;
      await Promise.all(clients);
      expect(state.answered).toBeGreaterThan(100);
      const read = new Set(readFileSync(readsFile, 'utf8').split('\n'));
      // A worker can be killed when it has just taken a request from its socket, and written nothing down yet.
      expect(state.failed.filter((id) => !read.has(id)).length).toBeLessThanOrEqual(kills);
      // A machine that is too busy to start the whole program in a second starts no worker in one.
      expect(Math.min(...times)).toBeLessThan(Math.max(1000, startMs));
    },
    30_000 + 5000 * kills,
  );

  it('is there again when all workers have crashed, and connections wait meanwhile', async () => {
    const { url, ask } = await serving();
    const crash = () => request(url('/crash'), { agent: false }).catch(() => {});
    await Promise.all([crash(), crash()]);
    expect((await ask()).generation).toBe(1);
  });

  it('leaves no worker behind where the primary is killed', async () => {
    const { ask, signal, child } = await serving();
    const pids = [...(await bothWorkers(ask))];
    signal('SIGKILL');
    await until(() => ![child.pid, ...pids].some(isAlive));
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
    const idle = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    onTestFinished(() => idle.destroy());
    idle.write('GET / HTTP/1.1\r\nHost: here\r\n\r\n');
    await once(idle, 'data');
    const idleClosed = once(idle.resume(), 'close');
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
    await idleClosed;
  });
});
