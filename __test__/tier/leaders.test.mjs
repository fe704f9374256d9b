// A leader of the fleet that is killed at each step of its fetch: before and after each thing that it says to Redis.

import { expect, it } from 'vitest';
import { startMachine, startRedis } from '../fixtures/tier.mjs';

/** What a leader says: it asks for the value or the lead, for the versions of the tags, and stores. */
const COMMANDS = 3;
const steps = ['before', 'after'].flatMap((when) =>
  Array.from({ length: COMMANDS }, (_, at) => ({ when, command: at + 1 })),
);

/** A fetch of a worker that dies at a step. @param {string} key @param {{ when: string, command: number }} step */
const dying = (key, { when, command }) => `
  const { callBuffer } = client;
  let said = 0;
  const die = () => process.kill(process.pid, 'SIGKILL');
  client.callBuffer = async (...command) => {
    if (!command.some((word) => String(word).endsWith('${key}') || String(word).endsWith('t=red'))) return callBuffer.apply(client, command);
    const isIt = ++said === ${command};
    if (isIt && '${when}' === 'before') die();
    const answer = await callBuffer.apply(client, command);
    if (isIt) die();
    return answer;
  };
  await cache.fetch('${key}', () => 'of the first', { tags: ['red'], lease: 1000 });`;

it('is followed by another one, and all machines have what one of the two has brought', async () => {
  const { port } = await startRedis();
  const first = startMachine({ port, workers: steps.length + 1 });
  const second = startMachine({ port });
  const living = steps.length;
  await Promise.all(
    [...steps.keys(), living].map((worker) => first.run('return cache.healthCheck()', worker)),
  );
  await second.run('return cache.healthCheck()');
  // The script is there, so that each step is one command.
  await second.run(`await cache.fetch('before', () => 1, { tags: ['red'] })`);
  await Promise.all(
    steps.map(async (step, worker) => {
      const key = `key-${worker}`;
      const died = first.run(`cache.get('nothing'); return process.pid`, worker);
      await died;
      const dies = first.run(dying(key, step), worker).catch(() => 'dead');
      const isDead = first.run(
        `
        while (true) { try { process.kill(${await died}, 0); } catch { return true; } await new Promise((done) => setTimeout(done, 5)); }`,
        living,
      );
      await Promise.race([dies, isDead]);
      const fetch = `return cache.fetch('${key}', () => 'of another', { tags: ['red'] })`;
      const brought = await Promise.all([second.run(fetch), first.run(fetch, living)]);
      const isStored = step.when === 'after' && step.command === COMMANDS;
      expect([JSON.stringify(step), ...brought]).toEqual([
        JSON.stringify(step),
        ...Array(2).fill(isStored ? 'of the first' : 'of another'),
      ]);
    }),
  );
}, 30_000);
