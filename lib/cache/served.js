/**
 * The primary's side of the IPC transport: it does for workers what they ask for, on the caches that it has itself.
 *
 * A frame that is not one of ours is left alone; one that is ours and cannot be read is refused with a warning, and
 * nothing is done. When a worker goes, the flights that it led are lost, and one of those who follow leads.
 */

const cluster = /** @type {import('node:cluster').Cluster} */ (
  /** @type {unknown} */ (require('node:cluster'))
);
const { portable, revive } = require('./error-text.js');
const { KIND, pack, unpack } = require('./frames.js');
const { LeaderLeft } = require('./single-flight.js');

const operations = new Set(
  (
    'get set setIfAbsent delete has peek clear mGet mSet mDelete keys values entries dump load size incr decr ' +
    'fetch touch getRemainingTTL purgeStale healthCheck stats usage destroy max ttl allowStale'
  ).split(' '),
);

/** @typedef {{ resolve: (value: any) => void, reject: (error: unknown) => void }} Runner */

/** What one worker uses. */
class Client {
  /** @type {Map<string, any>} */
  caches = new Map();
  /** Fetchers that run in the worker, by the request that brought them. @type {Map<number, Runner>} */
  running = new Map();
  warned = false;
}

/** @type {Map<import('node:cluster').Worker, Client>} */
const clients = new Map();

/** @param {import('node:cluster').Worker} worker @param {object} frame */
function say(worker, frame) {
  if (worker.isConnected()) worker.process.send({ flotilla: KIND, ...frame }, undefined, undefined, () => {});
}

/** @param {Client} client @param {import('node:cluster').Worker} worker @param {number} id */
function runIn(client, worker, id) {
  return new Promise((resolve, reject) => {
    client.running.set(id, { resolve, reject });
    say(worker, { id, event: 'run' });
  });
}

/** @param {Client} client @param {any} frame */
function ran(client, frame) {
  const runner = client.running.get(frame.id);
  client.running.delete(frame.id);
  if (frame.gone === true) runner?.reject(new LeaderLeft());
  else if (frame.error === undefined) {
    try {
      runner?.resolve(unpack(frame)[0]);
    } catch (error) {
      runner?.reject(error);
    }
  } else runner?.reject(revive(frame.error));
}

/** @param {any} LRUCacheClustered @param {Client} client @param {object} options */
function cacheOf(LRUCacheClustered, client, options) {
  const name = JSON.stringify(options);
  const known = client.caches.get(name);
  if (known !== undefined) return known;
  const cache = new LRUCacheClustered(options);
  client.caches.set(name, cache);
  return cache;
}

/** @param {any} LRUCacheClustered @param {Client} client @param {import('node:cluster').Worker} worker @param {any} frame */
async function perform(LRUCacheClustered, client, worker, { id, op, options, ...packed }) {
  const list = unpack(packed);
  const cache = cacheOf(LRUCacheClustered, client, options);
  if (op !== 'fetch') return cache[op](...list);
  const [key, how] = list;
  const end = cache.fetch(key, () => runIn(client, worker, id), how);
  const still = setImmediate(() => say(worker, { id, event: 'held' }));
  return end.finally(() => clearImmediate(still));
}

/** @param {any} frame */
function isRequest({ id, op, options }) {
  return (
    Number.isSafeInteger(id) &&
    operations.has(op) &&
    typeof options === 'object' &&
    options !== null &&
    !Array.isArray(options)
  );
}

/** @param {Client} client @param {import('node:cluster').Worker} worker */
function refuse(client, worker) {
  if (client.warned) return;
  client.warned = true;
  process.emitWarning(`Worker ${worker.id} sent a message for the cache that is none; it is not obeyed`, {
    type: 'FlotillaWarning',
  });
}

/** @param {any} LRUCacheClustered @param {import('node:cluster').Worker} worker @param {any} frame */
async function heed(LRUCacheClustered, worker, frame) {
  if (frame?.flotilla !== KIND) return;
  const client = clients.get(worker) ?? new Client();
  clients.set(worker, client);
  if (frame.op === 'ran' && client.running.has(frame.id)) return ran(client, frame);
  if (frame.op === 'ran') return;
  if (!isRequest(frame)) return refuse(client, worker);
  const { id } = frame;
  try {
    const value = await perform(LRUCacheClustered, client, worker, frame);
    say(worker, { id, ...pack([value]) });
  } catch (error) {
    say(worker, { id, error: portable(error, 0) });
  }
}

/** @param {import('node:cluster').Worker} worker */
function forget(worker) {
  const client = clients.get(worker);
  clients.delete(worker);
  for (const { reject } of client?.running.values() ?? []) reject(new LeaderLeft());
}

/** @param {any} LRUCacheClustered what to make the caches of workers with */
function serve(LRUCacheClustered) {
  cluster.on(
    'message',
    (worker, message) =>
      void heed(LRUCacheClustered, worker, message).catch(() =>
        refuse(clients.get(worker) ?? new Client(), worker),
      ),
  );
  cluster.on('disconnect', forget);
  cluster.on('exit', forget);
}

module.exports = { serve };
