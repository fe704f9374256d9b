// Who comes to a public port and means no request: garbage, heads without an end, a byte now and then, silence. Many of
// each at once cost others nothing, and leave nothing behind. `npm run test:load` sends 10,000 of each.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { ask, bothWorkers, keepAlive, serving } from '../fixtures/balanced-server.mjs';
import { childrenOf, descriptorsOf, megabytesOf } from '../fixtures/resources.mjs';

const visitors = Number(process.env.FLOTILLA_TEST_VISITORS ?? 200);
/** What a process may need for them: its heap breathes, and a connection takes some kilobytes. */
const megabytes = 80 + visitors / 50;
/** Behind so many busy neighbours, this machine may take a while; who waits for a bad visitor waits for ever. */
const patienceMs = 5000 + visitors;

/** Calls until the connection has ended. */
function often(socket, milliseconds, call) {
  const timer = setInterval(call, milliseconds);
  socket.once('close', () => clearInterval(timer));
}

const manners = {
  'send garbage': (socket) => socket.write(randomBytes(300)),
  'send a head without an end': (socket) => {
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n');
    often(socket, 20, () => socket.write(`X-More: ${'x'.repeat(2000)}\r\n`));
  },
  'send a byte now and then': (socket) => {
    socket.write('GET /');
    often(socket, 200, () => socket.write('x'));
  },
  'say nothing': () => {},
};

/** All at once, as long as this process may have that many connections. */
const together = visitors <= 3000 ? [Object.entries(manners)] : Object.entries(manners).map((one) => [one]);

/** One such visitor; resolves when its connection has ended, and tells by what. */
async function visit(port, behave) {
  const socket = net.connect(port, '127.0.0.1').setEncoding('latin1');
  onTestFinished(() => void socket.destroy());
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  socket.on('error', () => {});
  socket.once('connect', () => behave(socket));
  await new Promise((resolve) => socket.once('close', resolve));
  return /^HTTP\/1.1 (\d+)/.exec(text)?.[1] ?? 'closed';
}

/** Asks all the time, by a connection that stays and by new ones; tells the longest that an answer took. */
function honest(url) {
  let going = true;
  const client = async (agent) => {
    let longest = 0;
    while (going) {
      const begun = performance.now();
      expect(await ask(url, { agent })).toMatchObject({ status: 200 });
      longest = Math.max(longest, performance.now() - begun);
    }
    return longest;
  };
  const clients = [client(keepAlive()), client(undefined)];
  return async () => {
    going = false;
    return Math.max(...(await Promise.all(clients)));
  };
}

const ways = [
  ['are handed over', { mode: 'handoff' }],
  ['are looked at first, and handed over', { mode: 'handoff', strategy: 'sticky' }],
  ['are looked at first, and forwarded', { mode: 'proxy', strategy: 'sticky' }],
];

describe.skipIf(process.platform !== 'linux').each(ways)('many bad visitors, who %s,', (_, options) => {
  it(
    `are shown the door, cost others nothing, and leave nothing behind (${visitors} of each)`,
    async () => {
      const { child, port, url, printsTimes } = await serving({ app: 'strict', ...options });
      await printsTimes('worker \\d+: result', 2);
      await bothWorkers(url);
      const held = [child.pid, ...childrenOf(child.pid)].map((pid) => ({
        pid,
        descriptors: descriptorsOf(pid),
        memory: megabytesOf(pid),
      }));
      for (const group of together) {
        const stop = honest(url);
        const all = group.flatMap(([, behave]) =>
          Array.from({ length: visitors }, () => visit(port, behave)),
        );
        const ends = await Promise.all(all);
        expect(await stop()).toBeLessThan(patienceMs);
        // An answer may be lost to a client that sends on after the end.
        for (const end of ends) expect(['400', '408', '431', 'closed']).toContain(end);
        for (const { pid, memory } of held) expect(megabytesOf(pid)).toBeLessThan(memory + megabytes);
      }
      await vi.waitFor(() => {
        for (const { pid, descriptors } of held) {
          expect(descriptorsOf(pid)).toBeLessThanOrEqual(descriptors + 1);
        }
      }, 10_000);
      expect(await ask(url)).toMatchObject({ status: 200 });
    },
    60_000 + 40 * visitors,
  );
});

describe.skipIf(process.platform !== 'linux')('a visitor who says nothing', () => {
  it('is closed by its worker when Node would, though nothing was ever accepted there', async () => {
    const { port } = await serving({ app: 'strict' });
    const socket = net.connect(port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    const begun = performance.now();
    await once(socket.resume(), 'close');
    expect(performance.now() - begun).toBeGreaterThan(900);
  });
});
