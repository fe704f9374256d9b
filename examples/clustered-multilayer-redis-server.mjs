// Two layers: the cluster's cache in front of Redis, which several machines may share. See README.md beside this file.

import cluster from 'node:cluster';
import { setTimeout as pause } from 'node:timers/promises';
import express, { LRUCacheClustered } from 'flotilla';
import { Redis } from 'ioredis';
import { patient, serve } from './clustered.mjs';

const nearMs = 10_000;
const farSeconds = 300;
const near = new LRUCacheClustered({ namespace: 'articles', max: 10_000, ttl: nearMs, ...patient });

/** A Redis that cannot be reached must not hold requests up: one try, then the origin answers. */
function connect() {
  const redis = new Redis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379', { maxRetriesPerRequest: 1 });
  redis.on('error', (error) => console.error(`Redis: ${error.message}`));
  return redis;
}

// The primary serves nobody.
const redis = cluster.isPrimary ? undefined : connect();

/** Stands for the origin: a slow service. @param {string} id */
async function loadArticle(id) {
  await pause(100);
  return { id, title: `article ${id}`, loadedBy: process.pid };
}

/** What runs once for the whole cluster when a key is missing. @param {string} id */
async function fromFarther(id) {
  const key = `article:${id}`;
  const stored = await redis?.get(key).catch(() => null);
  if (stored) return { ...JSON.parse(stored), from: 'redis' };
  const article = await loadArticle(id);
  await redis?.set(key, JSON.stringify(article), 'EX', farSeconds).catch(() => null);
  return { ...article, from: 'origin' };
}

const app = express();

app.get('/articles/:id', async (request, response) => {
  const { id } = request.params;
  response.json({ ...(await near.fetch(id, () => fromFarther(id))), answeredBy: process.pid });
});

// Forgets it in both layers.
app.delete('/articles/:id', async (request, response) => {
  const { id } = request.params;
  await redis?.del(`article:${id}`);
  response.json({ removed: await near.delete(id) });
});

app.get('/stats', async (_request, response) => {
  response.json(await near.stats());
});

await serve(app, { close: () => redis?.disconnect() });
