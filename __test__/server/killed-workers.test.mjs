// Workers of `startServer` that are killed under load. What a worker had read when it died the kernel tells: it keeps what is
// unread, and knows who has a socket. `npm run test:load` kills a hundred.

import { once } from 'node:events';
import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { bothWorkers, serving } from '../fixtures/balanced-server.mjs';
import {
  childrenOf,
  descriptorsOf,
  inodesOf,
  socketsAt,
  stop,
  waitingToBeClosed,
} from '../fixtures/resources.mjs';

const kills = Number(process.env.FLOTILLA_TEST_WORKER_KILLS ?? 2);
/** One that has lived for less ends young, and its successor is waited for. */
const youngMs = 1100;
/** Clients that keep their connections. */
const kept = 10;
/** Starting a process takes a busy machine long; the long run has one to itself. */
const wholeAgainMs = kills >= 100 ? 1000 : 10_000;

/** A client that has at most one request under way, and never sends one again. */
class Client {
  answered = 0;
  /** The port of the connection that a request is under way on. @type {number | undefined} */
  port;
  /** Whether nobody could answer that request any more. */
  isLost = false;
  /** Of requests that were not lost. @type {unknown[]} */
  failures = [];

  /** @param {boolean} keepAlive */
  constructor(keepAlive) {
    this.options = { keepAlive, maxSockets: 1 };
    this.agent = new http.Agent(this.options);
  }

  async ask(url) {
    const body = 'x'.repeat(1 + ((this.answered * 977) % 5000));
    const request = http.request(url, { agent: this.agent, method: 'POST' });
    request.once('socket', (socket) => {
      if (socket.localPort) this.port = socket.localPort;
      else socket.once('connect', () => (this.port = socket.localPort));
    });
    try {
      request.end(body);
      const [response] = await once(request, 'response');
      let text = '';
      for await (const chunk of response.setEncoding('utf8')) text += chunk;
      expect(JSON.parse(text).length).toBe(body.length);
      this.answered += 1;
    } catch (error) {
      if (!this.isLost) this.failures.push(error);
      this.agent.destroy();
      this.agent = new http.Agent(this.options);
    }
    this.port = undefined;
    this.isLost = false;
  }
}

/** Clients that ask all the time, most of them over connections that they keep. */
function load(url, kept, short) {
  const clients = Array.from({ length: kept + short }, (_, index) => new Client(index < kept));
  let going = true;
  const all = clients.map(async (client) => {
    while (going) {
      await client.ask(url);
      await pause(1);
    }
  });
  const end = async () => {
    going = false;
    await Promise.all(all);
    for (const { agent } of clients) agent.destroy();
  };
  onTestFinished(end);
  return { clients, end };
}

/** What the kernel knows of the clients of a worker that does nothing any more. */
function look(port, worker, primary, clients) {
  const [sockets, taken, held] = [socketsAt(port), inodesOf(worker), inodesOf(primary)];
  const asking = clients.filter(({ port }) => taken.has(sockets.get(port)?.inode));
  const goesOn = ({ port }) => sockets.get(port).unread > 0 && held.has(sockets.get(port).inode);
  return {
    /** Requests that are unread, over connections that the primary has too. */
    saved: asking.filter(goesOn),
    /** Those that were read, or whose connection the worker alone has. */
    lost: asking.filter((client) => !goesOn(client)),
  };
}

/** How many connections a process has at that port. */
function connectionsOf(pid, port) {
  const taken = inodesOf(pid);
  return [...socketsAt(port).values()].filter(({ inode }) => taken.has(inode)).length;
}

describe.skipIf(process.platform !== 'linux')('a server whose workers are killed under load', () => {
  it(
    `loses only requests that they had read, and is soon whole again (${kills} times)`,
    async () => {
      const { child, port, url, printsTimes } = await serving({ mode: 'handoff' });
      await printsTimes('worker \\d+: result', 2);
      await bothWorkers(url);
      const before = descriptorsOf(child.pid);
      const { clients, end } = load(url, kept, 2);
      const times = [];
      for (let turn = 0; turn < kills; turn++) {
        const answered = clients.map((client) => client.answered);
        const begun = performance.now();
        await vi.waitFor(
          () => {
            expect(performance.now() - begun).toBeGreaterThan(youngMs);
            expect(clients.every((client, index) => client.answered > answered[index])).toBe(true);
            expect(connectionsOf(child.pid, port)).toBeGreaterThanOrEqual(kept);
          },
          { timeout: 20_000, interval: 10 },
        );
        const [pid] = (await bothWorkers(url)).sort(
          (a, b) => connectionsOf(b, port) - connectionsOf(a, port),
        );
        stop(pid);
        for (const client of look(port, pid, child.pid, clients).lost) client.isLost = true;
        // What comes from now on nobody has read.
        const waits = () => expect(look(port, pid, child.pid, clients).saved).not.toEqual([]);
        await vi.waitFor(waits, { timeout: 10_000, interval: 1 });
        const killed = performance.now();
        process.kill(pid, 'SIGKILL');
        await printsTimes('worker \\d+: result', 3 + turn);
        times.push(performance.now() - killed);
        await bothWorkers(url);
        // A worker does one thing at a time: it can have written one answer that it had not noted down yet.
        const failures = clients.flatMap((client) => client.failures.splice(0));
        expect(failures.slice(1)).toEqual([]);
      }
      await end();
      expect(clients.flatMap(({ failures }) => failures)).toEqual([]);
      expect(times.sort((a, b) => a - b)[kills >> 1]).toBeLessThan(wholeAgainMs);
      await vi.waitFor(() => expect(descriptorsOf(child.pid)).toBeLessThanOrEqual(before + 1), 10_000);
      expect(waitingToBeClosed(port)).toBe(0);
      expect(childrenOf(child.pid)).toHaveLength(2);
    },
    60_000 + 10_000 * kills,
  );
});
