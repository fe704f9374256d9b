// Who comes to a public port and means no request: garbage, heads without an end, a byte now and then, silence. Many of
// each at once cost others nothing, and leave nothing behind. `npm run test:load` sends 10,000 of each.

import { once } from 'node:events';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { ask, bothWorkers, keepAlive, serving } from '../fixtures/balanced-server.mjs';
import { node } from '../fixtures/processes.mjs';
import { childrenOf, descriptorsOf, megabytesOf } from '../fixtures/resources.mjs';

const visitors = Number(process.env.FLOTILLA_TEST_VISITORS ?? 200);
/** What a process may need for them: its heap breathes, and a connection takes some kilobytes. */
const megabytes = 80 + visitors / 50;
/** Behind so many busy neighbours, this machine may take a while; who waits for a bad visitor waits for ever. */
const patienceMs = 5000 + visitors;

const manners = ['garbage', 'endless', 'slow', 'silent'];
/** All at once, as long as a process may have that many connections. */
const groups = visitors <= 3000 ? [manners] : manners.map((manner) => [manner]);
const program = fileURLToPath(new URL('../fixtures/bad-visitors.mjs', import.meta.url));

/** By what the connections of such visitors ended. */
async function visit(port, group) {
  const { stdout, stderr } = await node([program, String(port), String(visitors), ...group]);
  expect(stderr).toBe('');
  return JSON.parse(/ends (.*)/.exec(stdout)[1]);
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
      for (const group of groups) {
        const stop = honest(url);
        const ends = await visit(port, group);
        expect(await stop()).toBeLessThan(patienceMs);
        for (const end of Object.keys(ends)) expect(['400', '408', '431', 'closed']).toContain(end);
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
