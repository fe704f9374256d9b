// A server on two cores, in one of several ways, or on one, alone. Arguments: the way, what it serves, and options of `startServer`.
// Prints its port when both workers serve; ends with its standard input.

const cluster = /** @type {import('node:cluster').Cluster} */ (
  /** @type {unknown} */ (require('node:cluster'))
);
const { once } = require('node:events');
const { createContext, createServer, startServer } = require('../../index.js');
const app = require('./app.cjs');

const [way = '', what = '', options = '{}'] = process.argv.slice(2);
const WORKERS = Number(JSON.parse(options).workers ?? 2);
const host = '127.0.0.1';

/** @param {{ port: number }} address */
function say({ port }) {
  console.log(`port ${port}`);
  process.stdin.resume().on('end', () => process.exit());
}

/** To the worker that the first request asks for. @param {any} context */
const asked = ({ candidates, request, previousIndex }) => {
  const wanted = Number(request.headers['x-worker'] ?? previousIndex + 1);
  return candidates[wanted % candidates.length];
};

async function balanced() {
  const { asks, ...config } = JSON.parse(options);
  const isBehind = way === 'worker';
  const [mode, workers] = isBehind ? ['auto', 1] : [way, WORKERS];
  const shared = { host, port: 0, baseWorkerPort: 0, workers, installSignalHandlers: false };
  if (asks) config.loadBalancer = asked;
  const ready = everyWorker('message', ({ type }) => type === 'flotilla:worker-ready', workers);
  const result = await startServer(await app(what), { ...shared, mode, ...config });
  if (result.mode === 'primary') {
    const { port } = await ready;
    // A proxy of another kind speaks to the worker itself.
    say(isBehind ? { port } : result);
  }
}

/**
 * When that has happened to every worker.
 *
 * @param {string} event
 * @param {(message: any) => boolean} [counts]
 * @param {number} [workers]
 */
function everyWorker(event, counts = () => true, workers = WORKERS) {
  if (cluster.isWorker) return undefined;
  /** @type {Promise<any>} */
  const all = new Promise((resolve) => {
    let ready = 0;
    cluster.on(event, (_, what) => {
      if (counts(what) && ++ready === workers) resolve(what);
    });
  });
  return all;
}

async function clustered() {
  cluster.schedulingPolicy = way === 'none' ? cluster.SCHED_NONE : cluster.SCHED_RR;
  if (cluster.isWorker) {
    (await app(what)).listen(0, host);
    return;
  }
  const listening = everyWorker('listening');
  for (let times = 0; times < WORKERS; times++) cluster.fork();
  say(await listening);
}

/** Each worker has a listening socket of its own at one port, among which the kernel chooses. */
async function reusing() {
  const port = Number(process.env.BENCH_PORT ?? 0);
  if (cluster.isPrimary) {
    const first = await listens(port);
    const address = /** @type {import('node:net').AddressInfo} */ (first.address());
    const listening = everyWorker('message');
    for (let times = 0; times < WORKERS; times++) cluster.fork({ BENCH_PORT: String(address.port) });
    await listening;
    first.close();
    return say(address);
  }
  await listens(port);
  process.send?.('listening');
}

/** @param {number} port */
async function listens(port) {
  const server = (await app(what)).listen({ port, host, reusePort: true, exclusive: true });
  await once(server, 'listening');
  return server;
}

/** Flotilla in one process. */
async function single() {
  const served = await app(what);
  const server = createServer(createContext({}), {
    ...JSON.parse(options),
    ...{ app: () => served, host, port: 0, installSignalHandlers: false },
  });
  await server.start();
  say({ port: server.getPort() });
}

/** One process that knows of no other. */
async function alone() {
  const server = (await app(what)).listen(0, host);
  await once(server, 'listening');
  say(/** @type {import('node:net').AddressInfo} */ (server.address()));
}

/** @type {Record<string, () => Promise<void>>} */
const ways = {
  handoff: balanced,
  proxy: balanced,
  none: clustered,
  rr: clustered,
  'reuse-port': reusing,
  worker: balanced,
  single,
  alone,
};
ways[way]?.();
