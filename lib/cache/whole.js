/**
 * Operations on all entries of a cache, as steps that `slices.js` makes: `keys`, `values`, `entries`, `dump`, `load`,
 * `purgeStale`, a lower `max`; and `clear` and `destroy`, which are done at once and leave something to take apart.
 */

/** @import { Entry } from '../../index.js' */
/** @import { OpenNamespace } from './namespace.js' */
/** @import { Steps } from './slices.js' */

const { readDump, readList } = require('./given.js');
const { addon } = require('./native.js');
const { restored } = require('./operations.js');

/** Items that are read in one step. */
const AT_ONCE = 256;

const KEYS = 0;
const VALUES = 1;
const ENTRIES = 2;
const DUMP = 3;

/** Whether this thread is about to take apart more of what it has cleared. */
let reaping = false;

/**
 * Takes apart what was cleared, and gives memory that is free then back to the system, as long as there is something to do,
 * between whatever else this thread does.
 */
function reap() {
  if (reaping || !addon.segmentReap()) return;
  reaping = true;
  setImmediate(() => {
    reaping = false;
    reap();
  }).unref();
}

/** @param {OpenNamespace} namespace */
function clear({ id }) {
  addon.cacheClear(id);
  reap();
}

/** @param {OpenNamespace} namespace @returns {boolean} whether it was there */
function destroy({ id }) {
  const destroyed = addon.cacheDestroy(id);
  reap();
  return destroyed;
}

/** @param {string} name of a namespace */
function destroyByName(name) {
  const destroyed = addon.segmentDestroy(name);
  reap();
  return destroyed;
}

/**
 * Copies everything out, then makes items of it.
 *
 * @template T
 * @param {OpenNamespace} namespace
 * @param {number} what
 * @param {number} width how many places an item takes in what native code gives
 * @param {(flat: any[], at: number) => T} make
 * @returns {Generator<() => any, T[], any>}
 */
function* listed({ id }, what, width, make) {
  const walk = addon.cacheWalk(id, what);
  try {
    /** @type {T[]} */
    const all = [];
    const goOn = () => {
      const flat = addon.cacheWalkOn(walk);
      if (flat === undefined) return true;
      for (let at = 0; at < flat.length; at += width) all.push(make(flat, at));
      return flat.length > 0;
    };
    while (yield goOn);
    return all;
  } finally {
    addon.cacheWalkEnd(walk);
  }
}

/** @param {OpenNamespace} namespace */
const keys = (namespace) => listed(namespace, KEYS, 1, (flat, at) => flat[at]);

/** @param {OpenNamespace} namespace */
const values = (namespace) => listed(namespace, VALUES, 2, (flat, at) => restored(flat[at], flat[at + 1]));

/** @param {OpenNamespace} namespace @returns {Generator<() => any, [any, any][], any>} */
const entries = (namespace) =>
  listed(namespace, ENTRIES, 3, (flat, at) => [flat[at], restored(flat[at + 1], flat[at + 2])]);

/**
 * @param {OpenNamespace} namespace
 * @returns {Generator<() => any, [any, Entry<any>][], any>} the least recently used first, as `load` wants them
 */
function* dump(namespace) {
  const now = Date.now();
  const dumped = yield* listed(namespace, DUMP, 10, (flat, at) => {
    const [key, tag, payload, ttl, age, size, tags, version, grace, delta] = flat.slice(at, at + 10);
    /** @type {Entry<any>} */
    const entry = { value: restored(tag, payload) };
    if (ttl !== undefined) Object.assign(entry, { ttl, start: Math.floor(now - age) });
    if (size !== undefined) entry.size = size;
    if (tags !== undefined) entry.tags = tags;
    if (version !== undefined) entry.version = version;
    if (grace !== undefined) entry.grace = grace;
    if (delta !== undefined) entry.delta = delta;
    return /** @type {[any, Entry<any>]} */ ([key, entry]);
  });
  return dumped.reverse();
}

/** @param {ReturnType<typeof readDump>} given @param {number} now */
function flattened(given, now) {
  const flat = [];
  for (const { key, encoded, ttl, start, size, tags, version, grace, delta } of given) {
    const [tag, payload] = encoded;
    // What began later than now was dumped before the clock was set back: nothing lives longer than its lifetime.
    const age = start === undefined ? undefined : Math.max(now - start, 0);
    flat.push(key, payload, tag, ttl, age, size, tags, version, grace, delta);
  }
  return flat;
}

/**
 * Puts a dump in the place of what is there, after all of it has been looked at.
 *
 * @param {OpenNamespace} namespace
 * @param {Iterable<readonly [any, Entry<any>]>} dumped
 * @returns {Steps}
 */
function* load(namespace, dumped) {
  const now = Date.now();
  const pairs = readList('entries', dumped);
  /** @type {any[][]} */
  const parts = [];
  for (let at = 0; at < pairs.length; at += AT_ONCE) {
    yield () => {
      const part = flattened(readDump(namespace, pairs.slice(at, at + AT_ONCE)), now);
      addon.cacheLoad(namespace.id, part, true);
      parts.push(part);
    };
  }
  yield () => clear(namespace);
  for (const part of parts) yield () => addon.cacheLoad(namespace.id, part, false);
  namespace.purger?.arm();
}

/** @param {OpenNamespace} namespace @returns {Generator<() => any, boolean, any>} whether something was removed */
function* purgeStale({ id }) {
  let [from, any] = [0, false];
  while (from >= 0) {
    const [next, removed] = yield () => addon.cachePurgeStale(id, from);
    [from, any] = [next, any || removed > 0];
  }
  reap();
  return any;
}

/** @param {OpenNamespace} namespace @param {number} [value] @returns {Generator<() => any, number, any>} the limit */
function* max({ id }, value) {
  for (;;) {
    const limit = yield () => addon.cacheMax(id, value);
    if (limit === undefined) continue;
    if (value !== undefined) reap();
    return limit;
  }
}

module.exports = { clear, destroy, destroyByName, dump, entries, keys, load, max, purgeStale, values };
