// What the suite `adapters` measures, in processes beside the real packages. It answers each message `round` of its parent with a
// figure in microseconds.
// Usage: node program.mjs <contestant> <milliseconds> [<socket of Redis>]

import cluster from 'node:cluster';
import { once } from 'node:events';
import { createServer } from 'node:http';
import 'flotilla';

const [, , contestant, milliseconds, redis] = process.argv;
const MESSAGES = 2000;
/** What is installed beside this program. @param {string} name @returns {Promise<any>} */
const load = (name) => import(name);

/** The time of one call, in a loop that awaits each. @param {(turn: number) => Promise<unknown>} call */
async function timed(call) {
  const end = performance.now() + Number(milliseconds);
  const began = performance.now();
  let calls = 0;
  while (performance.now() < end) for (let turn = 0; turn < 16; turn++) await call(calls++);
  return ((performance.now() - began) * 1000) / calls;
}

const keyOf = (/** @type {number} */ turn) => `user:${turn % 1024}`;

/** @param {any} cache */
async function filled(cache) {
  for (let turn = 0; turn < 1024; turn++)
    await cache.set(keyOf(turn), `the value of user ${turn}`, 3_600_000);
  return () => timed((turn) => cache.get(keyOf(turn)));
}

/** @param {any} store @param {object} [options] */
async function keyv(store, options) {
  const { default: Keyv } = await load('keyv');
  return filled(new Keyv({ store, ...options }));
}
/** Values are stored as they are. */
const plain = { serialize: undefined, deserialize: undefined };

const flotillaStore = async () => new (await load('flotilla/keyv')).KeyvFlotilla();
async function redisStore() {
  const { default: KeyvRedis } = await load('@keyv/redis');
  return new KeyvRedis(/** @type {any} */ ({ socket: { path: redis } }));
}

const limits = { points: 1e9, duration: 3600, keyPrefix: 'bench' };

/** A server of socket.io in a worker, which says everything at once when it is told to. @param {any} adapter */
async function speaker(adapter) {
  const { Server } = await load('socket.io');
  const server = createServer();
  const io = new Server(server, adapter && { adapter });
  process.on('message', (/** @type {any} */ { say }) => {
    for (let number = 0; number < say; number++) io.emit('said', 'some words for everybody', number);
  });
  server.listen({ port: 0, host: '127.0.0.1', exclusive: true });
  await once(server, 'listening');
  return /** @type {any} */ (server.address()).port;
}

const adapters = {
  'broadcast-flotilla': async () => (await load('flotilla/socket.io')).createAdapter(),
  'broadcast-cluster': async () => (await load('@socket.io/cluster-adapter')).createAdapter(),
  'broadcast-alone': async () => undefined,
};

/** @type {Record<string, () => Promise<any>>} what a worker does */
const works = {
  'keyv-flotilla': async () => keyv(await flotillaStore()),
  'keyv-plain': async () => keyv(await flotillaStore(), plain),
  'keyv-redis': async () => keyv(await redisStore()),
  'keyv-map': () => keyv(new Map()),
  'store-flotilla': async () => filled(await flotillaStore()),
  'store-redis': async () => filled(await redisStore()),
  'consume-flotilla': async () => {
    const { RateLimiterFlotilla } = await load('flotilla/rate-limiter-flexible');
    const limiter = new RateLimiterFlotilla(limits);
    return () => timed((turn) => limiter.consume(keyOf(turn)));
  },
  'consume-cluster': async () => {
    const { RateLimiterCluster } = await load('rate-limiter-flexible');
    const limiter = new RateLimiterCluster({ ...limits, timeoutMs: 10_000 });
    return () => timed((turn) => limiter.consume(keyOf(turn)));
  },
};

const next = (/** @type {any} */ from, /** @type {string} */ name) =>
  new Promise((resolve) => {
    const listen = (/** @type {any} */ message) => {
      if (message?.[name] === undefined) return;
      from.off('message', listen);
      resolve(message[name]);
    };
    from.on('message', listen);
  });

/** One worker says all, and a client of the other hears it; or, without an adapter, one of the same. */
async function broadcasts() {
  if (contestant === 'broadcast-cluster') (await load('@socket.io/cluster-adapter')).setupPrimary();
  const workers = [cluster.fork(), cluster.fork()];
  const ports = await Promise.all(workers.map((worker) => next(worker, 'port')));
  const port = ports[contestant === 'broadcast-alone' ? 0 : 1];
  const { io } = await load('socket.io-client');
  const client = io(`http://127.0.0.1:${port}`, { transports: ['websocket'] });
  await once(/** @type {any} */ (client), 'connect');
  const sayAll = async () => {
    const all = new Promise((resolve) => {
      let heard = 0;
      client.on('said', () => ++heard === MESSAGES && resolve(undefined));
    });
    workers[0].send({ say: MESSAGES });
    await all;
    client.off('said');
  };
  return async () => {
    const began = performance.now();
    let said = 0;
    for (; performance.now() < began + Number(milliseconds); said += MESSAGES) await sayAll();
    return ((performance.now() - began) * 1000) / said;
  };
}

async function inWorker() {
  if (contestant === 'consume-cluster') {
    const { RateLimiterClusterMaster } = await load('rate-limiter-flexible');
    new RateLimiterClusterMaster();
  }
  const worker = cluster.fork();
  await next(worker, 'ready');
  return () => {
    worker.send({ bench: 'round' });
    return next(worker, 'figure');
  };
}

if (cluster.isPrimary) {
  const round = await (contestant.startsWith('broadcast') ? broadcasts() : inWorker());
  process.on('message', async () => process.send?.({ figure: await round() }));
  process.send?.({ ready: true });
} else if (contestant.startsWith('broadcast')) {
  const port = await speaker(await adapters[/** @type {keyof typeof adapters} */ (contestant)]());
  process.send?.({ port });
} else {
  const round = await works[contestant]();
  process.on('message', async (/** @type {any} */ { bench }) => {
    if (bench === 'round') process.send?.({ figure: await round() });
  });
  process.send?.({ ready: true });
}
