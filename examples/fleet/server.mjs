// One machine of a fleet: run it several times, each with a PORT of its own, over one Redis. See README.md in the folder above.

import cluster from 'node:cluster';
import { setTimeout as pause } from 'node:timers/promises';
import { rateLimit } from 'express-rate-limit';
import express, { LRUCacheClustered, redisTier } from 'flotilla';
import { FlotillaRateLimitStore } from 'flotilla/express-rate-limit';
import { Redis } from 'ioredis';
import { patient, serve } from '../clustered.mjs';

const machine = process.env.PORT ?? '3000';

/** Stands for the origin: a slow service. @param {string} id */
async function loadArticle(id) {
  await pause(100);
  return { id, title: `article ${id}`, loadedOn: machine };
}

/** @param {Redis} client */
function makeApp(client) {
  const tier = redisTier({ client, prefix: 'shop:' });
  const articles = new LRUCacheClustered({
    namespace: 'articles',
    max: 10_000,
    ttl: 60_000,
    tier,
    ...patient,
  });
  const app = express();
  const store = new FlotillaRateLimitStore({ tier });
  app.use('/limited', rateLimit({ windowMs: 60_000, limit: 3, store, legacyHeaders: false }));
  app.get('/limited', (_request, response) => response.send('served\n'));

  app.get('/articles/:id', async ({ params: { id } }, response) => {
    response.json(await articles.fetch(id, () => loadArticle(id)));
  });
  // All machines forget it.
  app.delete('/articles/:id', async ({ params: { id } }, response) => {
    response.json({ removed: await articles.delete(id) });
  });
  app.get('/tier', (_request, response) => {
    const { isTrusted, breaker } = articles.tierStats() ?? {};
    response.json({ isTrusted, breaker });
  });
  return app;
}

if (cluster.isPrimary) await serve(undefined);
else {
  const client = new Redis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379');
  client.on('error', (error) => console.error(`Redis: ${error.message}`));
  await serve(makeApp(client), { close: () => client.disconnect() });
}
