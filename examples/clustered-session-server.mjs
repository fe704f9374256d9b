// Sessions that every worker knows: set(), get() and delete(). See README.md beside this file.

import { randomUUID } from 'node:crypto';
import express, { LRUCacheClustered } from 'flotilla';
import { patient, serve } from './clustered.mjs';

const ttl = 30 * 60_000;
const sessions = new LRUCacheClustered({
  namespace: 'sessions',
  max: 50_000,
  ttl,
  updateAgeOnGet: true,
  ...patient,
});

/** @param {import('express').Request} request */
const tokenOf = (request) => /(?:^|; *)session=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1];

const app = express();
app.use(express.json());

app.post('/login', async (request, response) => {
  const name = request.body?.name;
  if (typeof name !== 'string') {
    response.status(400).json({ error: 'a name is needed' });
    return;
  }
  const token = randomUUID();
  await sessions.set(token, { name, since: new Date() });
  response.cookie('session', token, { httpOnly: true, sameSite: 'lax', maxAge: ttl });
  response.json({ name, answeredBy: process.pid });
});

app.get('/me', async (request, response) => {
  const token = tokenOf(request);
  const session = token === undefined ? undefined : await sessions.get(token);
  if (session === undefined) response.status(401).json({ error: 'not logged in', answeredBy: process.pid });
  else response.json({ ...session, answeredBy: process.pid });
});

app.post('/logout', async (request, response) => {
  const token = tokenOf(request);
  const ended = token !== undefined && (await sessions.delete(token));
  response.clearCookie('session').json({ ended });
});

await serve(app);
