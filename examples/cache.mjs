// One cache for all workers: run it with "node examples/cache.mjs", and ask any worker.
//   curl localhost:3000/users/42    the first request loads the user, later ones find it, whichever worker answers
//   curl localhost:3000/stats       what the cache counts, for all workers together

import cluster from 'node:cluster';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { LRUCacheClustered } from 'flotilla';

const port = Number(process.env.PORT ?? 3000);
const users = new LRUCacheClustered({ namespace: 'users', max: 10_000, ttl: 60_000 });

/** Stands for a slow database. @param {string} id */
async function loadUser(id) {
  await sleep(100);
  return { id, name: `user ${id}`, loadedBy: process.pid, at: new Date() };
}

/** @param {string} url */
async function answer(url) {
  const id = /^\/users\/(\w+)$/.exec(url)?.[1];
  if (id !== undefined) return users.fetch(id, () => loadUser(id));
  return url === '/stats' ? users.stats() : undefined;
}

async function serve() {
  const server = createServer(async (request, response) => {
    const found = await answer(request.url ?? '/').catch((error) => ({ error: String(error) }));
    response.writeHead(found === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify({ ...found, answeredBy: process.pid })}\n`);
  });
  server.listen(port);
}

if (cluster.isPrimary) {
  const workers = Array.from({ length: availableParallelism() }, () => cluster.fork());
  const addresses = await Promise.all(workers.map((worker) => once(worker, 'listening')));
  console.log(`${workers.length} workers on http://localhost:${addresses[0][0].port}`);
} else {
  await serve();
}
