// Workers that have their cache over messages: what they learn of the keeper, the primary tells them.

import { expect, it } from 'vitest';
import { startMachine, startRedis, until } from '../fixtures/tier.mjs';

const env = { FLOTILLA_TRANSPORT: 'ipc' };
const state = `return cache.tierStats()`;

it('lets a worker over messages that does nothing send nothing, but for the word of the keeper', async () => {
  const { port } = await startRedis();
  const machine = startMachine({ port, workers: 2, env, tier: { pingInterval: 30_000 } });
  for (const worker of [0, 1]) {
    await until(
      () => machine.run(state, worker),
      ({ isTrusted }) => isTrusted,
    );
  }
  const idle = (await machine.run(state, 0)).isKeeper ? 1 : 0;
  // What a worker sends, it sends by this function; its answer to the test comes after.
  const sends = `const { send } = process;
    let sent = 0;
    process.send = (...args) => (sent++, send.apply(process, args));
    await new Promise((resolve) => setTimeout(resolve, 500));
    process.send = send;
    return sent;`;
  // The last word of the keeper may have been on its way.
  await until(
    () => machine.run(sends, idle),
    (sent) => sent === 0,
  );
});

it('tells workers over messages at once that the keeper hears, and that it does not', async () => {
  const redis = await startRedis();
  const machine = startMachine({ port: redis.port, workers: 2, env, tier: { pingInterval: 30_000 } });
  const trust = (/** @type {boolean} */ is) => async (/** @type {number} */ worker) =>
    until(
      () => machine.run(state, worker),
      ({ isTrusted }) => isTrusted === is,
    );
  await Promise.all([0, 1].map(trust(true)));
  await redis.end();
  // Long before a ping would be late.
  await Promise.all([0, 1].map(trust(false)));
  await startRedis({ port: redis.port });
  await Promise.all([0, 1].map(trust(true)));
  expect(await machine.run(`await cache.set('a', 1); return cache.get('a')`, 0)).toBe(1);
});

it('puts another worker in the place of a keeper that is stopped, over messages', async () => {
  const { port } = await startRedis();
  const machine = startMachine({ port, workers: 2, env, tier: { pingInterval: 100, timeout: 200 } });
  await Promise.all(
    [0, 1].map((worker) =>
      until(
        () => machine.run(state, worker),
        ({ isTrusted }) => isTrusted,
      ),
    ),
  );
  const keeper = (await machine.run(state, 0)).isKeeper ? 0 : 1;
  await machine.signal('SIGSTOP', keeper);
  await until(
    () => machine.run(state, 1 - keeper),
    ({ isKeeper, isTrusted }) => isKeeper && isTrusted,
  );
  await machine.signal('SIGCONT', keeper);
  await until(
    () => machine.run(state, keeper),
    ({ isKeeper, isTrusted }) => !isKeeper && isTrusted,
  );
});
