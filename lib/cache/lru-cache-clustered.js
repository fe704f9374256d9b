/**
 * `LRUCacheClustered`: one LRU cache for all processes of a cluster, with promises.
 *
 * On shared memory each method does its work before it returns, and nothing waits for the primary. A worker on the
 * IPC transport asks its primary instead.
 */

/** @import { BootstrapOptions, CacheOptions, Entry, FetchOptions, TouchOptions, WriteOptions } from '../../index.js' */

const { isMainThread } = require('node:worker_threads');
const { brief, debug } = require('../debug.js');
const { createError } = require('../errors.js');
const { addon } = require('./native.js');
const { encode } = require('./codec.js');
const { openNamespace } = require('./namespace.js');
const operations = require('./operations.js');
const { checkKey, checkTransportOptions, declare, invalid, limit, namespaceOf } = require('./options.js');
const { allCaches, viewOf } = require('./registry.js');
const { Remote } = require('./remote.js');
const segment = require('./segment.js');
const { serve } = require('./served.js');
const { checkFetch, fetchOnce } = require('./single-flight.js');
const { SyncView } = require('./sync-view.js');

const tell = debug('lru-cache-clustered-primary');

segment.prepare();

/** @param {string} name of what was called */
function requirePrimary(name) {
  if (segment.isClusterWorker()) throw createError('FLOTILLA_ERR_PRIMARY_ONLY', [name]);
}

const keyed = new Set(['get', 'delete', 'has', 'peek', 'incr', 'decr', 'touch', 'getRemainingTTL']);

/** @param {any} key @param {any} value */
function checkValue(key, value) {
  if (!['string', 'number', 'boolean', 'bigint'].includes(typeof value)) encode(value, key);
}

/** @param {Iterable<any>} keys */
function readKeys(keys) {
  const all = Array.from(keys);
  all.forEach(checkKey);
  return all;
}

/** @param {Iterable<readonly any[]>} entries */
const readEntries = (entries) =>
  Array.from(entries, ([key, value, own]) => {
    checkKey(key);
    checkValue(key, value);
    return own === undefined ? [key, value] : [key, value, { ttl: own.ttl, size: own.size }];
  });

/** @param {Iterable<readonly [any, Entry<any>]>} dumped */
const readDump = (dumped) =>
  Array.from(dumped, ([key, { value, ttl, start, size }]) => {
    checkKey(key);
    checkValue(key, value);
    return [key, { value, ttl, start, size }];
  });

class LRUCacheClustered {
  #namespace;
  /** In a worker on the IPC transport. @type {InstanceType<typeof Remote> | undefined} */
  #remote;

  /** @param {CacheOptions} [options] */
  constructor(options = {}) {
    const name = namespaceOf(options);
    checkTransportOptions(options);
    this.#namespace = openNamespace(name, declare(options));
    this.sync = new SyncView(this.#namespace);
    if (segment.isRemote()) {
      this.#remote = new Remote(options);
      // It only has to be on its way before all others; what is wrong with it, each use says.
      this.#remote.call('healthCheck').catch(() => {});
    }
    this.ready = Promise.resolve();
  }

  /** @param {BootstrapOptions} [options] */
  static bootstrap(options) {
    segment.bootstrap(options);
  }

  /** @param {CacheOptions} [options] */
  static async getInstance(options) {
    const cache = new LRUCacheClustered(options);
    await cache.healthCheck();
    return cache;
  }

  static getAllCaches() {
    requirePrimary('LRUCacheClustered.getAllCaches()');
    segment.connect();
    return allCaches;
  }

  /** @param {string} op @param {any[]} list */
  async #ask(op, list) {
    if (list.length > 0 && keyed.has(op)) checkKey(list[0]);
    while (list.length > 0 && list.at(-1) === undefined) list.pop();
    return /** @type {InstanceType<typeof Remote>} */ (this.#remote).call(op, list);
  }

  /** @param {string} op @param {any[]} list */
  async #askToStore(op, list) {
    checkKey(list[0]);
    checkValue(list[0], list[1]);
    return this.#ask(op, list);
  }

  /** @param {any} key @param {() => any} fetcher @param {FetchOptions} [options] */
  async #fetchThere(key, fetcher, options = {}) {
    checkKey(key);
    const lease = checkFetch(this.#namespace, fetcher, options);
    const { ttl, size, forceRefresh } = options;
    return this.#remote?.fetch(key, fetcher, { lease, ttl, size, forceRefresh: forceRefresh === true });
  }

  /** @param {any} key */
  async get(key) {
    if (this.#remote) return this.#ask('get', [key]);
    return operations.get(this.#namespace, key);
  }

  /** @param {any} key @param {any} value @param {WriteOptions} [options] */
  async set(key, value, options) {
    if (this.#remote) return this.#askToStore('set', [key, value, options]);
    return operations.set(this.#namespace, key, value, options);
  }

  /** @param {any} key @param {any} value @param {WriteOptions} [options] */
  async setIfAbsent(key, value, options) {
    if (this.#remote) return this.#askToStore('setIfAbsent', [key, value, options]);
    return operations.setIfAbsent(this.#namespace, key, value, options);
  }

  /** @param {any} key @returns {Promise<boolean>} */
  async delete(key) {
    if (this.#remote) return this.#ask('delete', [key]);
    return addon.cacheDelete(this.#namespace.id, key);
  }

  /** @param {any} key */
  async has(key) {
    if (this.#remote) return this.#ask('has', [key]);
    return operations.has(this.#namespace, key);
  }

  /** @param {any} key */
  async peek(key) {
    if (this.#remote) return this.#ask('peek', [key]);
    return operations.peek(this.#namespace, key);
  }

  async clear() {
    if (this.#remote) return this.#ask('clear', []);
    addon.cacheClear(this.#namespace.id);
  }

  /** @param {Iterable<any>} keys */
  async mGet(keys) {
    if (this.#remote) return this.#ask('mGet', [readKeys(keys)]);
    return new Map(Array.from(keys, (key) => [key, operations.get(this.#namespace, key)]));
  }

  /**
   * @param {Iterable<readonly [any, any] | readonly [any, any, WriteOptions]>} entries
   * @param {WriteOptions} [options]
   */
  async mSet(entries, options) {
    if (this.#remote) return this.#ask('mSet', [readEntries(entries), options]);
    operations.setAll(this.#namespace, entries, options);
  }

  /** @param {Iterable<any>} keys */
  async mDelete(keys) {
    if (this.#remote) return this.#ask('mDelete', [readKeys(keys)]);
    operations.deleteAll(this.#namespace, keys);
  }

  async keys() {
    if (this.#remote) return this.#ask('keys', []);
    return operations.keys(this.#namespace);
  }

  async values() {
    if (this.#remote) return this.#ask('values', []);
    return operations.values(this.#namespace);
  }

  async entries() {
    if (this.#remote) return this.#ask('entries', []);
    return operations.entries(this.#namespace);
  }

  async *[Symbol.asyncIterator]() {
    yield* (await this.entries()) ?? [];
  }

  async dump() {
    if (this.#remote) return this.#ask('dump', []);
    return operations.dump(this.#namespace);
  }

  /** @param {Iterable<readonly [any, Entry<any>]>} entries */
  async load(entries) {
    if (this.#remote) return this.#ask('load', [readDump(entries)]);
    operations.load(this.#namespace, entries);
  }

  async size() {
    if (this.#remote) return this.#ask('size', []);
    return addon.cacheSize(this.#namespace.id);
  }

  /** @param {any} key @param {number} [amount] @param {WriteOptions} [options] */
  async incr(key, amount, options) {
    if (this.#remote) return this.#ask('incr', [key, amount, options]);
    return operations.incr(this.#namespace, key, amount, options);
  }

  /** @param {any} key @param {number} [amount] @param {WriteOptions} [options] */
  async decr(key, amount, options) {
    if (this.#remote) return this.#ask('decr', [key, amount, options]);
    return operations.decr(this.#namespace, key, amount, options);
  }

  /** @param {any} key @param {TouchOptions} [options] */
  async touch(key, options) {
    if (this.#remote) return this.#ask('touch', [key, options]);
    return operations.touch(this.#namespace, key, options);
  }

  /** @param {any} key @param {() => any} fetcher @param {FetchOptions} [options] */
  async fetch(key, fetcher, options) {
    if (this.#remote) return this.#fetchThere(key, fetcher, options);
    return fetchOnce(this.#namespace, key, fetcher, options);
  }

  /** @param {any} key */
  async getRemainingTTL(key) {
    if (this.#remote) return this.#ask('getRemainingTTL', [key]);
    return addon.cacheRemainingTtl(this.#namespace.id, key);
  }

  async purgeStale() {
    if (this.#remote) return this.#ask('purgeStale', []);
    return addon.cachePurgeStale(this.#namespace.id);
  }

  async healthCheck() {
    if (this.#remote) return this.#remote.call('healthCheck', [], { always: true });
    addon.cacheHealth(this.#namespace.id);
  }

  async stats() {
    if (this.#remote) return this.#ask('stats', []);
    const [hits, misses, sets, deletes, evictions, size] = addon.cacheStats(this.#namespace.id);
    return { hits, misses, sets, deletes, evictions, size, namespace: this.#namespace.name };
  }

  async usage() {
    if (this.#remote) {
      const usage = await this.#ask('usage', []);
      // The primary may share memory with other workers: the way is this one's own.
      return usage && { ...usage, transport: segment.transportOf() };
    }
    const [entries, bytes, overheadBytes, segmentBytes, memoryEvictions, recoveries] = addon.cacheUsage(
      this.#namespace.id,
    );
    const transport = segment.transportOf();
    return { transport, entries, bytes, overheadBytes, segmentBytes, memoryEvictions, recoveries };
  }

  async destroy() {
    if (this.#remote) return this.#ask('destroy', []);
    this.#namespace.leaveNear();
    const destroyed = addon.cacheDestroy(this.#namespace.id);
    tell?.(destroyed ? 'removed' : 'did not find', brief(this.#namespace.name));
    return destroyed;
  }

  getCache() {
    requirePrimary('getCache()');
    return viewOf(this.#namespace.name);
  }

  /** @param {number} [value] */
  async max(value) {
    if (this.#remote) return this.#ask('max', value === undefined ? [] : [value]);
    if (value !== undefined) this.#checkMax(value);
    return addon.cacheMax(this.#namespace.id, value);
  }

  /** @param {number} value */
  #checkMax(value) {
    const others = this.#namespace.declared[1] > 0 || addon.cacheTtl(this.#namespace.id) > 0;
    if (limit('max', value) === 0 && !others) {
      throw invalid('max', 'a positive whole number where the cache has neither maxSize nor ttl', value);
    }
  }

  /** @param {number} [value] */
  async ttl(value) {
    if (this.#remote) return this.#ask('ttl', value === undefined ? [] : [value]);
    if (value !== undefined) limit('ttl', value);
    return addon.cacheTtl(this.#namespace.id, value);
  }

  /** @param {boolean} [value] */
  async allowStale(value) {
    if (this.#remote) return this.#ask('allowStale', value === undefined ? [] : [value]);
    if (value !== undefined && typeof value !== 'boolean')
      throw invalid('allowStale', 'true or false', value);
    return addon.cacheAllowStale(this.#namespace.id, value);
  }
}

if (isMainThread && !segment.isClusterWorker()) serve(LRUCacheClustered);

module.exports = { LRUCacheClustered };
