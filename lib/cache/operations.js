/**
 * The operations on a namespace, without promises: what the synchronous view and the class with promises both call.
 *
 * Plain values go to native code as they are, others through the codec. Nothing is changed by a call that throws.
 */

/** @import { Entry, SyncGetOptions, SyncHasOptions, SyncPeekOptions, SyncSetOptions, TouchOptions, WriteOptions } from '../../index.js' */
/** @import { OpenNamespace } from './namespace.js' */

const { decode } = require('./codec.js');
const {
  readSyncGet,
  readSyncHas,
  readSyncPeek,
  readSyncSet,
  readTouch,
  readWrite,
} = require('./call-options.js');
const { checkAmount, encoded, isPlain, readEntries, readKeys } = require('./given.js');
const { addon, reply, takeReply } = require('./native.js');

const { cacheGet, cacheHas, cacheIncr, cacheInfo, cachePeek, cachePut, cacheSet, cacheSetIfAbsent } = addon;

/** @param {any} found what a call has returned, with a tag in the reply */
function decoded(found) {
  return decode(takeReply(), found);
}

/**
 * @param {number} tag
 * @param {any} payload
 */
const restored = (tag, payload) => (tag === 0 ? payload : decode(tag, payload));

/**
 * @param {OpenNamespace} namespace
 * @param {any} key
 * @param {SyncGetOptions} [options]
 */
function get(namespace, key, options) {
  if (options === undefined) return getPlainly(namespace, key);
  const { allowStale, updateAgeOnGet, noDeleteOnStaleGet } = readSyncGet(options);
  const found = cacheGet(namespace.id, key, allowStale, updateAgeOnGet, noDeleteOnStaleGet);
  return reply[0] === 0 ? found : decoded(found);
}

/**
 * @param {OpenNamespace} namespace
 * @param {any} key
 */
function getPlainly(namespace, key) {
  const copies = namespace.copies;
  if (copies !== undefined) {
    const copy = copies.read(key);
    if (copy !== undefined) return copies.give(copy);
  }
  const found = cacheGet(namespace.id, key);
  const tag = reply[0];
  if (found !== undefined) namespace.wasRead(key, found, tag);
  return tag === 0 ? found : decoded(found);
}

/**
 * @param {OpenNamespace} namespace
 * @param {any} key
 * @param {SyncPeekOptions} [options]
 */
function peek(namespace, key, options) {
  const found = cachePeek(namespace.id, key, options === undefined ? undefined : readSyncPeek(options));
  return reply[0] === 0 ? found : decoded(found);
}

/**
 * @param {OpenNamespace} namespace
 * @param {any} key
 * @param {SyncHasOptions} [options]
 */
function has(namespace, key, options) {
  return cacheHas(namespace.id, key, options === undefined ? undefined : readSyncHas(options));
}

/**
 * @param {OpenNamespace} namespace
 * @param {any} key
 * @returns {boolean} whether it was there
 */
function remove(namespace, key) {
  return addon.cacheDelete(namespace.id, key);
}

/**
 * @param {OpenNamespace} namespace
 * @param {any} key
 * @param {any} value
 * @param {WriteOptions} [options]
 * @returns {boolean} false for an entry that is larger than any may be
 */
function set(namespace, key, value, options) {
  if (options === undefined && isPlain(value) && namespace.purger === undefined) {
    return cachePut(namespace.id, key, value) !== false;
  }
  const { ttl, size, tags } = readWrite('set', options);
  const [tag, payload] = encoded(value, key);
  const stored = cacheSet(namespace.id, key, payload, tag, ttl, size, undefined, undefined, tags);
  namespace.purger?.arm();
  return stored;
}

/**
 * As `lru-cache` has it: an entry may say when its lifetime began.
 *
 * @param {OpenNamespace} namespace
 * @param {any} key
 * @param {any} value
 * @param {SyncSetOptions} [options]
 */
function setSince(namespace, key, value, options) {
  if (options === undefined) return set(namespace, key, value);
  const { ttl, size, tags, start, noUpdateTTL } = readSyncSet(options);
  const [tag, payload] = encoded(value, key);
  const age = start === undefined ? undefined : Date.now() - start;
  const stored = cacheSet(namespace.id, key, payload, tag, ttl, size, age, noUpdateTTL, tags);
  namespace.purger?.arm();
  return stored;
}

/**
 * @param {OpenNamespace} namespace
 * @param {any} key
 * @param {any} value
 * @param {WriteOptions} [options]
 * @returns {boolean}
 */
function setIfAbsent(namespace, key, value, options) {
  const { ttl, size, tags } = readWrite('setIfAbsent', options);
  const [tag, payload] = encoded(value, key);
  const stored = cacheSetIfAbsent(namespace.id, key, payload, tag, ttl, size, tags);
  namespace.purger?.arm();
  return stored;
}

/**
 * @param {OpenNamespace} namespace
 * @param {any} key
 * @param {number} [amount]
 * @param {WriteOptions} [options]
 * @param {'incr' | 'decr'} [what] was called
 * @returns {number}
 */
function incr(namespace, key, amount = 1, options = undefined, what = 'incr') {
  const { ttl, size, tags } = readWrite(what, options);
  checkAmount(amount);
  const sum = cacheIncr(namespace.id, key, amount, ttl, size, tags);
  namespace.purger?.arm();
  return sum;
}

/**
 * @param {OpenNamespace} namespace
 * @param {any} key
 * @param {number} [amount]
 * @param {WriteOptions} [options]
 */
function decr(namespace, key, amount = 1, options = undefined) {
  // What is no finite number goes on as it is, to be refused there.
  return incr(namespace, key, Number.isFinite(amount) ? -amount : amount, options, 'decr');
}

/**
 * @param {OpenNamespace} namespace
 * @param {any} key
 * @param {TouchOptions} [options]
 * @returns {boolean}
 */
function touch(namespace, key, options) {
  const touched = addon.cacheTouch(namespace.id, key, readTouch(options));
  namespace.purger?.arm();
  return touched;
}

/**
 * Stores several entries, after all of them have been looked at.
 *
 * @param {OpenNamespace} namespace
 * @param {Iterable<readonly [any, any] | readonly [any, any, WriteOptions]>} entries
 * @param {WriteOptions} [options] for entries that say nothing themselves
 */
function setAll(namespace, entries, options) {
  const writes = readEntries(namespace, entries, options);
  for (const { key, encoded: parts, ttl, size, tags } of writes) {
    const [tag, payload] = parts;
    cacheSet(namespace.id, key, payload, tag, ttl, size, undefined, undefined, tags);
  }
  namespace.purger?.arm();
}

/**
 * Reads several keys, after all of them have been looked at.
 *
 * @param {OpenNamespace} namespace
 * @param {Iterable<any>} wanted
 * @returns {Map<any, any>}
 */
function getAll(namespace, wanted) {
  return new Map(readKeys(wanted).map((key) => [key, get(namespace, key)]));
}

/**
 * @param {OpenNamespace} namespace
 * @param {Iterable<any>} wanted
 */
function deleteAll(namespace, wanted) {
  for (const key of readKeys(wanted)) remove(namespace, key);
}

/**
 * @param {OpenNamespace} namespace
 * @param {any} key
 * @returns {Entry<any> | undefined}
 */
function info(namespace, key) {
  const found = cacheInfo(namespace.id, key);
  if (found === undefined) return undefined;
  const [tag, payload, ttl, size] = found;
  return {
    value: restored(tag, payload),
    ...(ttl !== undefined && { ttl, start: Date.now() }),
    ...(size !== undefined && { size }),
  };
}

module.exports = {
  decoded,
  decr,
  deleteAll,
  get,
  getAll,
  has,
  incr,
  info,
  peek,
  remove,
  restored,
  set,
  setAll,
  setIfAbsent,
  setSince,
  touch,
};
