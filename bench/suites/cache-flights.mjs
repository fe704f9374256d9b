// How soon the followers of a flight know that it has ended, by the leader's value or by its death.

import cluster from 'node:cluster';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { answer } from '../cache/cluster.mjs';

const exec = fileURLToPath(new URL('../cache/flight-worker.mjs', import.meta.url));
let flights = 0;

async function fork() {
  // The primary makes the segment that its workers attach to.
  await import('flotilla');
  cluster.setupPrimary({ exec, execArgv: [], args: [] });
  const worker = cluster.fork();
  await answer(worker);
  return worker;
}

/** @param {import('node:cluster').Worker} worker */
async function end(worker) {
  if (worker.isDead()) return;
  worker.kill('SIGKILL');
  await once(worker, 'exit');
}

/**
 * One flight, up to where the follower waits.
 *
 * @param {import('node:cluster').Worker} leader
 * @param {import('node:cluster').Worker} follower
 * @returns {Promise<{ landed: Promise<{ waited: number, landed: number }> }>}
 */
async function takeOff(leader, follower) {
  const key = `flight ${++flights}`;
  leader.send({ bench: 'lead', key });
  await answer(leader);
  follower.send({ bench: 'follow', key });
  await answer(follower);
  // Wrapped, so that it is not waited for here.
  return { landed: answer(follower) };
}

/** @param {import('../harness/types.d.ts').Context} context */
async function wakeUps({ quick }) {
  const [leader, follower] = [await fork(), await fork()];
  return {
    async round() {
      const waits = [];
      for (let flight = 0; flight < (quick ? 20 : 200); flight++) {
        const { landed } = await takeOff(leader, follower);
        leader.send({ bench: 'land' });
        waits.push((await landed).waited / 1e6);
      }
      return waits.sort((a, b) => a - b)[Math.ceil(waits.length * 0.99) - 1];
    },
    close: () => Promise.all([end(leader), end(follower)]),
  };
}

async function takeOvers() {
  const follower = await fork();
  return {
    async round() {
      const leader = await fork();
      const { landed } = await takeOff(leader, follower);
      const killed = Number(process.hrtime.bigint());
      await end(leader);
      return ((await landed).landed - killed) / 1e6;
    },
    close: () => end(follower),
  };
}

/** @type {import('../harness/types.d.ts').Suite} */
export default {
  title: 'Following a flight',
  measures:
    'Time from the end of a fetcher until a follower in another worker has its value, 99th percentile of a round; and from SIGKILL of a leader until the next one runs',
  unit: 'ms',
  direction: 'lower is better',
  contestants: [
    { id: 'wake-up', label: 'a follower wakes up, p99', kind: 'round', ours: true, prepare: wakeUps },
    {
      id: 'take-over',
      label: 'a follower leads after a kill',
      kind: 'round',
      ours: true,
      prepare: takeOvers,
    },
  ],
  rows: [
    { subject: 'wake-up', bar: 'at most 1' },
    { subject: 'take-over', bar: 'at most 50' },
  ],
};
