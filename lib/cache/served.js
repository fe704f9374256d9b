/**
 * The primary's side of the IPC transport: it does for workers what they ask for, on the caches that it has itself.
 *
 * A frame that is not one of ours is left alone; one that is ours and cannot be read is refused with a warning, and
 * nothing is done. When a worker goes, the flights that it led are lost, and one of those who follow leads; a cache
 * is kept for a worker until it says that it uses it no more, or goes.
 */

const cluster = /** @type {import('node:cluster').Cluster} */ (
  /** @type {unknown} */ (require('node:cluster'))
);
const { brief, debug } = require('../base/debug.js');
const { Brought } = require('./brought.js');
const { portable, revive } = require('./error-text.js');
const { FlightContext } = require('./flight-context.js');
const { KIND, isDense, pack, unpack } = require('./frames.js');
const { nameOf, optionsIn } = require('./options.js');
const { LeaderLeft } = require('./single-flight.js');

const tellMessage = debug('lru-cache-clustered-messages');
const tellPrimary = debug('lru-cache-clustered-primary');

const operations = new Set(
  (
    'get set setIfAbsent delete has peek clear mGet mSet mDelete keys values entries dump load size incr decr ' +
    'fetch touch take getWithVersion setIfVersion incrWithTtl invalidateTags getRemainingTTL purgeStale healthCheck stats usage destroy close max ttl allowStale'
  ).split(' '),
);

/** Those whose first argument is gone through. */
const withLists = new Set(['mGet', 'mSet', 'mDelete', 'load', 'invalidateTags']);
/** No operation takes more. */
const MOST_ARGUMENTS = 4;

/** What a worker has sent is no request. */
class Malformed extends TypeError {}

/** @import { FetchContext } from '../../index.js' */
/** @typedef {{ resolve: (value: any) => void, reject: (error: unknown) => void, context: FetchContext }} Runner */

/** What one worker uses. */
class Client {
  /** @type {Map<string, any>} */
  caches = new Map();
  /** Fetchers that run in the worker, by the request that brought them. @type {Map<number, Runner>} */
  running = new Map();
  warned = false;
}

/** @type {WeakMap<import('node:cluster').Worker, Client>} */
const clients = new WeakMap();

/** @param {import('node:cluster').Worker} worker @param {object} frame */
function say(worker, frame) {
  if (worker.isConnected()) worker.process.send({ flotilla: KIND, ...frame }, undefined, undefined, () => {});
}

/** @param {Client} client @param {import('node:cluster').Worker} worker @param {number} id @param {FetchContext} context */
function runIn(client, worker, id, context) {
  return new Promise((resolve, reject) => {
    client.running.set(id, { resolve, reject, context });
    say(worker, { id, event: 'run', ...pack([context.stale]) });
  });
}

/** The fetcher that runs in a worker wants to know when its flight is void. @param {Client} client @param {import('node:cluster').Worker} worker @param {number} id */
function watchFor(client, worker, id) {
  const context = client.running.get(id)?.context;
  context?.signal.addEventListener('abort', () => {
    const kind = FlightContext.firedFor(/** @type {any} */ (context));
    say(worker, { id, event: 'revoked', kind });
  });
}

/** @param {Client} client @param {any} frame */
function ran(client, frame) {
  const runner = client.running.get(frame.id);
  client.running.delete(frame.id);
  try {
    if (frame.gone === true) runner?.reject(new LeaderLeft());
    else if (frame.error === undefined) runner?.resolve(unpack(frame));
    else runner?.reject(revive(frame.error));
  } catch (error) {
    runner?.reject(error);
    throw error;
  }
}

/** @param {any} LRUCacheClustered @param {Client} client @param {any} options */
function cacheOf(LRUCacheClustered, client, options) {
  const name = nameOf(options);
  const known = client.caches.get(name);
  if (known !== undefined) return known;
  const cache = new LRUCacheClustered(optionsIn(options));
  client.caches.set(name, cache);
  return cache;
}

/** @param {any} frame */
function readList({ op, list, bytes }) {
  let found;
  try {
    found = unpack({ list, bytes });
  } catch (error) {
    throw new Malformed(`what it is to be done with cannot be read: ${/** @type {Error} */ (error).message}`);
  }
  if (found.length > MOST_ARGUMENTS) throw new Malformed(`${op} does not take ${found.length} arguments`);
  if (withLists.has(op) && !isDense(found[0])) throw new Malformed(`${op} wants a list`);
  return found;
}

/** @param {any} LRUCacheClustered @param {Client} client @param {import('node:cluster').Worker} worker @param {any} frame */
async function perform(LRUCacheClustered, client, worker, frame) {
  const { id, op, options } = frame;
  const list = readList(frame);
  if (op === 'close') return client.caches.delete(nameOf(options));
  const cache = cacheOf(LRUCacheClustered, client, options);
  if (op === 'fetch') return fetchFor(cache, client, worker, id, list);
  return cache[op](...list);
}

/** @param {any} cache @param {Client} client @param {import('node:cluster').Worker} worker @param {number} id @param {any[]} list */
async function fetchFor(cache, client, worker, id, [key, how, asks]) {
  if (client.running.has(id)) throw new Malformed(`request ${id} is under way already`);
  /** What the worker says of the value that its fetcher brought. @type {any} */
  let tags;
  const bring = async (/** @type {any} */ _key, /** @type {FetchContext} */ context) => {
    const [value, own, keeping] = await runIn(client, worker, id, context);
    tags = own;
    return keeping === undefined || keeping === null ? value : new Brought(value, keeping, keeping.keeps);
  };
  const end = cache.fetch(key, bring, asks ? { ...how, tags: () => tags } : how);
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

/** @param {Client} client @param {import('node:cluster').Worker} worker @param {string} why */
function refuse(client, worker, why) {
  tellPrimary?.('refused a message of worker', worker.id, why);
  if (client.warned) return;
  client.warned = true;
  process.emitWarning(
    `Worker ${worker.id} sent a message for the cache that is none; it is not obeyed: ${why}`,
    {
      type: 'FlotillaWarning',
    },
  );
}

/** @param {import('node:cluster').Worker} worker */
function clientOf(worker) {
  const known = clients.get(worker);
  if (known !== undefined) return known;
  const client = new Client();
  clients.set(worker, client);
  tellPrimary?.('serves worker', worker.id, 'over messages');
  return client;
}

/** @param {any} LRUCacheClustered @param {Client} client @param {import('node:cluster').Worker} worker @param {any} frame */
async function answer(LRUCacheClustered, client, worker, frame) {
  const { id, op } = frame;
  tellMessage?.('request', id, 'of worker', worker.id, op, brief(frame.options.namespace ?? 'default'));
  /** @type {any} */
  let said;
  try {
    said = { id, ...pack([await perform(LRUCacheClustered, client, worker, frame)]) };
  } catch (error) {
    if (error instanceof Malformed) refuse(client, worker, error.message);
    said = { id, error: portable(error, 0) };
  }
  tellMessage?.('response', id, 'to worker', worker.id, op, said.error?.message ?? 'ok');
  if (op !== 'close') say(worker, said);
}

/** @param {any} LRUCacheClustered @param {import('node:cluster').Worker} worker @param {any} frame */
async function heed(LRUCacheClustered, worker, frame) {
  if (frame?.flotilla !== KIND) return;
  const client = clientOf(worker);
  try {
    if (frame.op === 'ran') ran(client, frame);
    else if (frame.op === 'watch') watchFor(client, worker, frame.id);
    else if (isRequest(frame)) await answer(LRUCacheClustered, client, worker, frame);
    else refuse(client, worker, 'it is no request');
  } catch (error) {
    refuse(client, worker, String(/** @type {Error} */ (error)?.message));
  }
}

/** @param {import('node:cluster').Worker} worker */
function forget(worker) {
  const client = clients.get(worker);
  if (client === undefined) return;
  clients.delete(worker);
  tellPrimary?.(
    'worker',
    worker.id,
    'has left',
    client.caches.size,
    'caches and',
    client.running.size,
    'fetches',
  );
  for (const { reject } of client.running.values()) reject(new LeaderLeft());
}

/** @param {any} LRUCacheClustered what to make the caches of workers with */
function serve(LRUCacheClustered) {
  cluster.on('message', (worker, message) => void heed(LRUCacheClustered, worker, message));
  cluster.on('disconnect', forget);
  cluster.on('exit', forget);
}

module.exports = { serve };
