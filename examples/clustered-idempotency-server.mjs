// Jobs that are done once, however often they are sent: setIfAbsent(). See README.md beside this file.

import { setTimeout as pause } from 'node:timers/promises';
import express, { LRUCacheClustered } from 'flotilla';
import { patient, serve } from './clustered.mjs';

// A claim outlives its worker by a minute at most; a result is remembered for a day.
const claimMs = 60_000;
const rememberMs = 24 * 60 * 60_000;
const jobs = new LRUCacheClustered({ namespace: 'jobs', max: 100_000, ttl: rememberMs, ...patient });

/** Stands for a payment, a mail, an order. @param {string} key */
async function carryOut(key) {
  await pause(100);
  return { status: 'done', result: `job ${key} by ${process.pid}` };
}

const app = express();

app.post('/jobs', async (request, response) => {
  const key = request.get('idempotency-key');
  if (!key) {
    response.status(400).json({ error: 'the header Idempotency-Key is needed' });
    return;
  }
  if (!(await jobs.setIfAbsent(key, { status: 'under way' }, { ttl: claimMs }))) {
    response.status(202).json({ first: false, ...(await jobs.get(key)), answeredBy: process.pid });
    return;
  }
  try {
    const job = await carryOut(key);
    await jobs.set(key, job);
    response.status(201).json({ first: true, ...job, answeredBy: process.pid });
  } catch (error) {
    // Nothing was done: the next request with this key may try.
    await jobs.delete(key);
    throw error;
  }
});

app.get('/jobs/:key', async (request, response) => {
  const job = await jobs.get(request.params.key);
  response.status(job ? 200 : 404).json(job ?? { error: 'no such job' });
});

await serve(app);
