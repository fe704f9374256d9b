// Machines of a fleet over one Redis, for the suites about them.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { startRedis } from '../cache/redis.mjs';

const program = fileURLToPath(new URL('machine.mjs', import.meta.url));

/** @param {number} port */
async function startMachine(port) {
  const child = fork(program, [String(port)]);
  const ended = once(child, 'exit');
  /** @param {string} act */
  const done = async (act) => {
    for (;;) {
      const [message] = await Promise.race([
        once(child, 'message'),
        ended.then(([code]) => {
          throw new Error(`a machine ended: ${code}`);
        }),
      ]);
      if (message.done === act) return message.answer;
    }
  };
  await done('ready');
  return {
    /** @param {string} act @param {any} [value] */
    ask(act, value) {
      const answered = done(act);
      child.send({ act, value });
      return answered;
    },
    async close() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** Two machines. */
export async function startFleet() {
  const redis = await startRedis({ byTcp: true });
  const machines = await Promise.all([startMachine(redis.port), startMachine(redis.port)]);
  return {
    redis,
    machines,
    async close() {
      await Promise.all(machines.map(({ close }) => close()));
      await redis.close();
    },
  };
}
