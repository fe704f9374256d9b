// A limit that holds over all workers: incr(), whose lifetime is that of the first write. See README.md beside this file.

import express, { LRUCacheClustered } from 'flotilla';
import { patient, serve } from './clustered.mjs';

const limit = 5;
const windowMs = 60_000;
const hits = new LRUCacheClustered({ namespace: 'hits', max: 100_000, ...patient });

/**
 * @param {import('express').Request} request
 * @param {import('express').Response} response
 * @param {import('express').NextFunction} next
 */
async function limited(request, response, next) {
  const client = request.get('x-api-key') ?? request.ip ?? 'unknown';
  const count = await hits.incr(client, 1, { ttl: windowMs });
  const resetSeconds = Math.ceil((await hits.getRemainingTTL(client)) / 1000);
  const remaining = Math.max(0, limit - count);
  response.set('ratelimit', `limit=${limit}, remaining=${remaining}, reset=${resetSeconds}`);
  if (count <= limit) {
    next();
  } else {
    response.set('retry-after', String(resetSeconds));
    response.status(429).json({ error: 'too many requests', answeredBy: process.pid });
  }
}

const app = express();

app.get('/quote', limited, (_request, response) => {
  response.json({ quote: 'Many hands make light work.', answeredBy: process.pid });
});

// Gives a client a fresh window.
app.delete('/limits/:client', async (request, response) => {
  response.json({ removed: await hits.delete(request.params.client) });
});

await serve(app);
