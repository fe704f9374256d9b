// The demo that `npm start` runs: an Express app on every core, as Node's cluster module alone gives it.
// Try the addresses it prints, and stop it with Ctrl-C.

import cluster from 'node:cluster';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import express, { createServerScope, scopeMiddleware, signal, versions } from 'flotilla';

const port = Number(process.env.PORT ?? 3000);

function serve() {
  const app = express();
  let served = 0;
  app.get('/', (_request, response) => {
    served += 1;
    response.type('text').send(`Hello from worker ${process.pid}, which has served ${served} of these.\n`);
  });
  // One variable for all requests, and each request has a value of its own in it.
  const visitor = signal('nobody', { key: 'visitor' });
  app.use(scopeMiddleware(createServerScope()));
  app.get('/hello/:name', async (request, response) => {
    visitor.set(request.params.name);
    await pause(100);
    response.type('text').send(`Hello ${visitor.get()}, whoever else came meanwhile.\n`);
  });
  app.get('/versions', (_request, response) => {
    response.json(versions);
  });
  // Only the primary says what went wrong: every worker would say the same.
  app.listen(port, (/** @type {NodeJS.ErrnoException | undefined} */ error) => {
    if (error) process.exit(error.code === 'EADDRINUSE' ? 98 : 1);
  });
}

/** @param {import('node:cluster').Worker} worker */
async function listening(worker) {
  const exit = once(worker, 'exit').then(([code]) => {
    const reason = code === 98 ? `port ${port} is in use` : `a worker ended with code ${code}`;
    throw new Error(`The demo could not start: ${reason}. Try another one: PORT=3100 npm start`);
  });
  const [address] = await Promise.race([once(worker, 'listening'), exit]);
  exit.catch(() => {});
  return address.port;
}

async function lead() {
  const workers = Array.from({ length: availableParallelism() }, () => cluster.fork());
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => cluster.disconnect());
  const [actual] = await Promise.all(workers.map(listening));
  const url = `http://localhost:${actual}`;
  console.log(`Flotilla ${versions.flotilla} demo: ${workers.length} workers on ${url}
Try:
  curl ${url}             which worker answers, and how often it did
  curl ${url}/hello/ada   state of this request, which no other request sees
  curl ${url}/versions    what is loaded
Stop it with Ctrl-C.`);
}

if (cluster.isPrimary) {
  lead().catch((error) => {
    console.error(error.message);
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGKILL');
    process.exitCode = 1;
  });
} else {
  // The primary decides when to stop; a terminal's signals reach every process of its group.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {});
  serve();
}
