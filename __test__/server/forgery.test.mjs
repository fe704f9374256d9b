// A worker that says what no worker of ours says, to the thread that hands connections over: it harms its own connections at
// most.

import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { ask, keepAlive } from '../fixtures/balanced-server.mjs';
import { handoffFront } from '../fixtures/handoff-front.mjs';
import { descriptorsOf, megabytesOf } from '../fixtures/resources.mjs';

const require = createRequire(import.meta.url);
const strategies = require('../../lib/server/load-balancers.js');

/** The processor time of the threads of that name in this process, in milliseconds. */
function busyMs(name) {
  const task = '/proc/self/task';
  const own = readdirSync(task).filter((id) => readFileSync(`${task}/${id}/comm`, 'utf8').trim() === name);
  const TICK_MS = 10;
  return own.reduce((sum, id) => {
    const fields = readFileSync(`${task}/${id}/stat`, 'utf8').split(') ')[1].split(' ');
    return sum + (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  }, 0);
}

describe
  .skipIf(process.platform !== 'linux')
  .each(['roundRobinLoadBalancer', 'leastConnectionsLoadBalancer', 'leastLoadedLoadBalancer'])(
  'a worker that forges what it says (%s)',
  (strategy) => {
    it('harms nobody, and costs the primary nothing that lasts', async () => {
      const { front, url, workers } = await handoffFront({ config: { loadBalancer: strategies[strategy] } });
      const agents = Array.from({ length: 6 }, keepAlive);
      const all = () => Promise.all(agents.map((agent) => ask(url, { agent })));
      await all();
      const [descriptors, memory] = [descriptorsOf('self'), megabytesOf('self')];
      const forging = workers[0].tell('forge');
      let going = true;
      forging.then(() => {
        going = false;
      });
      while (going) {
        for (const { status } of [...(await all()), await ask(url)]) expect(status).toBe(200);
      }
      expect(await forging).toBe('forged');
      for (const { status } of await all()) expect(status).toBe(200);
      const before = busyMs('flotilla-handoff');
      await pause(300);
      expect(busyMs('flotilla-handoff') - before).toBeLessThan(150);
      workers[0].child.kill('SIGKILL');
      await workers[0].ended;
      const answers = await Promise.all(Array.from({ length: 10 }, () => ask(url)));
      for (const { status } of answers) expect(status).toBe(200);
      for (const agent of agents) agent.destroy();
      await vi.waitFor(() => expect(front.load(workers[1].seat).connections).toBe(0), 10_000);
      await vi.waitFor(() => expect(descriptorsOf('self')).toBeLessThanOrEqual(descriptors + 1), 10_000);
      expect(megabytesOf('self')).toBeLessThan(memory + 60);
    });
  },
);
