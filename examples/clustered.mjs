// What the clustered examples share: workers that serve one application on one port, and end without dropping a request.

import cluster from 'node:cluster';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { availableParallelism } from 'node:os';

const port = Number(process.env.PORT ?? 3000);
const count = Number(process.env.WORKERS ?? Math.max(2, availableParallelism()));

/**
 * Options of a cache whose answers count. Where workers cannot share memory they send messages instead, and what is not
 * answered in time would be undefined: no number for a limit, and no word on whether there is a session.
 *
 * @type {{ timeout: number, failsafe: 'reject' }}
 */
export const patient = { timeout: 5000, failsafe: 'reject' };

async function lead() {
  const workers = Array.from({ length: count }, () => cluster.fork());
  const stop = () => {
    for (const worker of workers) worker.process.kill('SIGTERM');
  };
  process.on('SIGTERM', stop).on('SIGINT', stop);
  const addresses = await Promise.all(workers.map((worker) => once(worker, 'listening')));
  console.log(`${count} workers on http://localhost:${addresses[0][0].port}`);
}

/**
 * @param {import('node:http').RequestListener} app
 * @param {() => unknown} close called when the last request is answered
 */
function work(app, close) {
  const server = createServer(app);
  // Ctrl-C reaches the workers as well as the primary, which tells them to stop.
  process.on('SIGINT', () => {});
  process.once('SIGTERM', () => {
    server.close(async () => {
      await close();
      cluster.worker?.disconnect();
    });
  });
  server.listen(port);
}

/**
 * Serves an application from several workers: in the primary it forks them, in a worker it listens.
 *
 * @param {any} app an Express application, or any other listener of requests
 * @param {{ close?: () => unknown }} [options]
 */
export async function serve(app, { close = () => {} } = {}) {
  if (cluster.isPrimary) await lead();
  else work(app, close);
}
