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
const { leastLoadedLoadBalancer: loadBalancer } = require('../../lib/cluster/strategies.js');

/** The processor time of the threads of that name in this process, in milliseconds. */
function busyMs(name) {
  // The kernel keeps so much of a name.
  const known = name.slice(0, 15);
  const nanosecondsOf = (/** @type {string} */ id) => {
    const file = (/** @type {string} */ what) => readFileSync(`/proc/self/task/${id}/${what}`, 'utf8');
    try {
      return file('comm').trim() === known ? Number(file('schedstat').split(' ')[0]) : 0;
    } catch {
      // It has ended meanwhile.
      return 0;
    }
  };
  return readdirSync('/proc/self/task').reduce((sum, id) => sum + nanosecondsOf(id), 0) / 1e6;
}

describe.skipIf(process.platform !== 'linux')('a worker that forges what it says', () => {
  it('harms nobody, and costs the primary nothing that lasts', async () => {
    // It goes by what workers say of themselves.
    const { front, url, workers } = await handoffFront({ config: { loadBalancer } });
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
    expect(before).toBeGreaterThan(0);
    await pause(300);
    expect(busyMs('flotilla-handoff') - before).toBeLessThan(150);
    workers[0].child.kill('SIGKILL');
    await workers[0].ended;
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(url)));
    for (const { status } of answers) expect(status).toBe(200);
    for (const agent of agents) agent.destroy();
    await vi.waitFor(() => expect(front.load(workers[1].seat).connections).toBe(0), 10_000);
    await vi.waitFor(() => expect(descriptorsOf('self')).toBeLessThanOrEqual(descriptors + 3), 10_000);
    expect(megabytesOf('self')).toBeLessThan(memory + 100);
  });
});
