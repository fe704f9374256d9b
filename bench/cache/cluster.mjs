// Workers of the benchmark's own process, asked for their figures.

import cluster from 'node:cluster';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { fill, untyped } from './data.mjs';

const exec = fileURLToPath(new URL('worker.mjs', import.meta.url));

/**
 * Waits for the worker's next answer; the peer sends messages of its own on the same channel.
 *
 * @param {import('node:cluster').Worker} worker
 * @returns {Promise<any>} the figure, where it was asked for one
 */
export function answer(worker) {
  return new Promise((resolve, reject) => {
    const exited = (/** @type {number} */ code, /** @type {string} */ signal) => {
      reject(new Error(`the measuring worker ended: ${signal ?? code}`));
    };
    const listen = (/** @type {any} */ message) => {
      if (message?.bench === undefined) return;
      worker.off('message', listen);
      worker.off('exit', exited);
      resolve(message.bench);
    };
    worker.on('message', listen);
    worker.once('exit', exited);
  });
}

/** The cache of the primary, filled once, and the peer's listener: both must be there before the first worker is. */
async function prepareOurs() {
  const { LRUCacheClustered } = await import('flotilla');
  const cache = new LRUCacheClustered({ namespace: 'bench', max: 10_000 });
  await fill((key, value) => cache.set(key, value));
}

/**
 * Prepares a worker for a contestant of `worker.mjs`.
 *
 * @param {string} contestant
 * @param {number} milliseconds
 * @param {number} [parts] of a round
 */
export async function measuringWorker(contestant, milliseconds, parts = 1) {
  if (contestant === 'peer') untyped('lru-cache-for-clusters-as-promised');
  else await prepareOurs();
  cluster.setupPrimary({ exec, execArgv: [], args: [], silent: false });
  const worker = cluster.fork(contestant === 'messages' ? { FLOTILLA_TRANSPORT: 'ipc' } : {});
  await answer(worker);
  worker.send({ bench: contestant, milliseconds, parts });
  await answer(worker);
  return {
    pid: worker.process.pid,
    async round(isFirst = true) {
      worker.send({ bench: 'round', isFirst });
      return answer(worker);
    },
    /** The same with this thread busy from the start of the round to its end. */
    async blockedRound() {
      const { figure, blocker } = { figure: answer(worker), blocker: performance.now() + 1.2 * milliseconds };
      worker.send({ bench: 'round' });
      // The message leaves before the loop is blocked.
      await new Promise((resolve) => setImmediate(resolve));
      while (performance.now() < blocker);
      return figure;
    },
    async close() {
      if (worker.isDead()) return;
      worker.kill('SIGKILL');
      await once(worker, 'exit');
    },
  };
}
