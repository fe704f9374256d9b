// Users that are read once for all workers: memoize() and fetch(). See README.md beside this file.

import { setTimeout as pause } from 'node:timers/promises';
import express, { LRUCacheClustered, memoize } from 'flotilla';
import { patient, serve } from './clustered.mjs';

const users = new LRUCacheClustered({ namespace: 'users', max: 10_000, ttl: 60_000, ...patient });

/** Stands for a slow database. @param {string} id */
async function loadUser(id) {
  await pause(100);
  return { id, name: `user ${id}`, loadedBy: process.pid, loadedAt: new Date() };
}

const findUser = memoize(users, loadUser, (id) => id);

const app = express();

app.get('/users/:id', async (request, response) => {
  response.json({ ...(await findUser(request.params.id)), answeredBy: process.pid });
});

// Reads the database again, whatever the cache has.
app.post('/users/:id/refresh', async (request, response) => {
  const { id } = request.params;
  response.json(await users.fetch(id, () => loadUser(id), { forceRefresh: true }));
});

app.get('/stats', async (_request, response) => {
  response.json(await users.stats());
});

await serve(app);
