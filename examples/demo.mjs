// The demo that `npm start` runs: one Express app on every core, with a page that shows what its workers, its cache and its
// connections do. Open the address it prints, press the buttons, and stop it with Ctrl-C.

import cluster from 'node:cluster';
import { randomBytes } from 'node:crypto';
import { createServer as createNetServer } from 'node:net';
import { availableParallelism } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import express, {
  createServerScope,
  LRUCacheClustered,
  leastLoadedLoadBalancer,
  scopeMiddleware,
  signal,
  startServer,
  versions,
} from 'flotilla';

const host = process.env.HOST ?? '127.0.0.1';
const port = Number(process.env.PORT ?? 3000);
const workers = Math.max(2, availableParallelism());
const folder = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));

// One cache for all workers, in shared memory.
const quotes = new LRUCacheClustered({ namespace: 'quotes', max: 1000, ttl: 60_000 });
const counters = new LRUCacheClustered({ namespace: 'counters', max: 1000 });
// One variable for all requests, and each request has a value of its own in it.
const visitor = signal('nobody', { key: 'visitor' });

/** Something slow that has to be asked as seldom as can be. @param {string} id */
async function askOrigin(id) {
  await counters.incr(`origin ${id}`);
  await pause(200);
  return `quote ${id}, as worker ${process.pid} fetched it`;
}

/** What the page asks of the admin port: pages of other origins get nothing from that. */
async function askAdmin(/** @type {string} */ path, /** @type {RequestInit} */ options = {}) {
  const headers = { authorization: `Bearer ${process.env.DEMO_TOKEN}`, 'content-type': 'application/json' };
  return fetch(`http://127.0.0.1:${process.env.DEMO_ADMIN}${path}`, { ...options, headers });
}

/** Has 1,000 askers ask for the same at the same time, over connections of their own to all workers. @param {string} url */
async function burst(url) {
  const id = randomBytes(4).toString('hex');
  /** @type {Record<string, number>} */
  const answered = {};
  const ask = async () => {
    const response = await fetch(`${url}/quote/${id}`);
    const { worker } = /** @type {any} */ (await response.json());
    answered[worker] = (answered[worker] ?? 0) + 1;
  };
  const asked = await Promise.allSettled(Array.from({ length: 1000 }, ask));
  const failed = asked.filter(({ status }) => status === 'rejected').length;
  return { askers: asked.length, failed, fetches: await counters.get(`origin ${id}`), answered };
}

/** @param {number} ms */
function block(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

function makeApp() {
  const app = express();
  const worker = process.pid;
  app.use(scopeMiddleware(createServerScope({ ttl: 10_000, maxEntries: 1000 })));
  app.use('/dashboard', express.static(folder('../lib/dashboard')));
  app.use(express.static(folder('./demo')));
  app.get('/hello/:name', async (request, response) => {
    visitor.set(request.params.name);
    await pause(100);
    response.type('text').send(`Hello ${visitor.get()}, whoever else came meanwhile.\n`);
  });
  app.get('/who', (_request, response) => void response.json({ worker }));
  app.get('/quote/:id', async ({ params }, response) => {
    const text = await quotes.fetch(params.id, () => askOrigin(params.id));
    response.json({ text, worker });
  });
  app.get('/versions', (_request, response) => void response.json(versions));
  app.get(
    '/status',
    async (_request, response) => void response.json(await (await askAdmin('/status.json')).json()),
  );
  app.get('/count', async (_request, response) => {
    response.json({ value: (await counters.get('clicks')) ?? 0 });
  });
  app.use('/do', ({ headers }, response, next) => {
    // A page of another origin cannot send this without asking first.
    if (headers['x-demo'] === undefined) response.status(403).json({ error: 'only the page may do this' });
    else next();
  });
  app.post('/do/count', async (_request, response) => {
    response.json({ value: await counters.incr('clicks'), worker });
  });
  app.post('/do/block', (_request, response) => {
    response.json({ worker });
    response.once('close', () => setImmediate(block, 1000));
  });
  app.post('/do/burst', async ({ socket }, response) => {
    response.json(await burst(`http://${host}:${socket.localPort}`));
  });
  app.post('/do/:action', express.json(), async ({ params, body }, response) => {
    const answer = await askAdmin(`/actions/${params.action}`, {
      method: 'POST',
      body: JSON.stringify(body ?? {}),
    });
    response.status(answer.status).json(await answer.json());
  });
  return app;
}

/** A port that is free now. */
async function freePort() {
  const server = createNetServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port: free } = /** @type {import('node:net').AddressInfo} */ (server.address());
  await new Promise((resolve) => server.close(resolve));
  return free;
}

if (cluster.isPrimary) {
  process.env.DEMO_ADMIN = String(await freePort());
  process.env.DEMO_TOKEN = randomBytes(18).toString('base64url');
}

const logger = {
  info() {},
  error: (/** @type {any[]} */ ...[text, error]) => console.log(text, error?.message),
};
try {
  const started = await startServer(makeApp(), {
    host,
    port,
    workers,
    logger,
    loadBalancer: leastLoadedLoadBalancer,
    admin: { port: Number(process.env.DEMO_ADMIN), token: process.env.DEMO_TOKEN, actions: true },
  });
  if (started.mode === 'primary') {
    const url = `http://localhost:${started.port}`;
    console.log(`Flotilla ${versions.flotilla} demo: ${workers} workers on ${url}
Open it in a browser, or try:
  curl ${url}/who         which worker answers
  curl ${url}/hello/ada   state of this request, which no other request sees
  curl ${url}/quote/7     a value that is fetched once for all workers
  curl ${url}/status      all figures
Stop it with Ctrl-C.`);
  }
} catch (error) {
  const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
  const reason = code === 'FLOTILLA_ERR_ADDRESS_IN_USE' ? `port ${port} is in use` : message;
  if (cluster.isPrimary)
    console.error(`The demo could not start: ${reason}. Try another one: PORT=3100 npm start`);
  process.exitCode = 1;
}
