/**
 * `LRUCacheClustered`: one LRU cache for all processes of a cluster, with promises.
 *
 * Each method does its work before it returns: the promise is there because the contract has one, and an error
 * rejects it. Nothing waits for the primary, so none of it can hang with it.
 */

/** @import { BootstrapOptions, CacheOptions, Entry, FetchOptions, TouchOptions, WriteOptions } from '../../index.js' */

const { createError } = require('../errors.js');
const { addon } = require('./native.js');
const { openNamespace } = require('./namespace.js');
const operations = require('./operations.js');
const { checkTransportOptions, declare, invalid, limit, namespaceOf } = require('./options.js');
const { allCaches, viewOf } = require('./registry.js');
const segment = require('./segment.js');
const { fetchOnce } = require('./single-flight.js');
const { SyncView } = require('./sync-view.js');

segment.prepare();

/** @param {string} name of what was called */
function requirePrimary(name) {
  if (segment.isClusterWorker()) throw createError('FLOTILLA_ERR_PRIMARY_ONLY', [name]);
}

class LRUCacheClustered {
  #namespace;

  /** @param {CacheOptions} [options] */
  constructor(options = {}) {
    const name = namespaceOf(options);
    checkTransportOptions(options);
    this.#namespace = openNamespace(name, declare(options));
    this.sync = new SyncView(this.#namespace);
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

  /** @param {any} key */
  async get(key) {
    return operations.get(this.#namespace, key);
  }

  /** @param {any} key @param {any} value @param {WriteOptions} [options] */
  async set(key, value, options) {
    return operations.set(this.#namespace, key, value, options);
  }

  /** @param {any} key @param {any} value @param {WriteOptions} [options] */
  async setIfAbsent(key, value, options) {
    return operations.setIfAbsent(this.#namespace, key, value, options);
  }

  /** @param {any} key @returns {Promise<boolean>} */
  async delete(key) {
    return addon.cacheDelete(this.#namespace.id, key);
  }

  /** @param {any} key */
  async has(key) {
    return operations.has(this.#namespace, key);
  }

  /** @param {any} key */
  async peek(key) {
    return operations.peek(this.#namespace, key);
  }

  async clear() {
    addon.cacheClear(this.#namespace.id);
  }

  /** @param {Iterable<any>} keys */
  async mGet(keys) {
    return new Map(Array.from(keys, (key) => [key, operations.get(this.#namespace, key)]));
  }

  /**
   * @param {Iterable<readonly [any, any] | readonly [any, any, WriteOptions]>} entries
   * @param {WriteOptions} [options]
   */
  async mSet(entries, options) {
    operations.setAll(this.#namespace, entries, options);
  }

  /** @param {Iterable<any>} keys */
  async mDelete(keys) {
    operations.deleteAll(this.#namespace, keys);
  }

  async keys() {
    return operations.keys(this.#namespace);
  }

  async values() {
    return operations.values(this.#namespace);
  }

  async entries() {
    return operations.entries(this.#namespace);
  }

  async *[Symbol.asyncIterator]() {
    yield* operations.entries(this.#namespace);
  }

  async dump() {
    return operations.dump(this.#namespace);
  }

  /** @param {Iterable<readonly [any, Entry<any>]>} entries */
  async load(entries) {
    operations.load(this.#namespace, entries);
  }

  async size() {
    return addon.cacheSize(this.#namespace.id);
  }

  /** @param {any} key @param {number} [amount] @param {WriteOptions} [options] */
  async incr(key, amount, options) {
    return operations.incr(this.#namespace, key, amount, options);
  }

  /** @param {any} key @param {number} [amount] @param {WriteOptions} [options] */
  async decr(key, amount, options) {
    return operations.decr(this.#namespace, key, amount, options);
  }

  /** @param {any} key @param {TouchOptions} [options] */
  async touch(key, options) {
    return operations.touch(this.#namespace, key, options);
  }

  /** @param {any} key @param {() => any} fetcher @param {FetchOptions} [options] */
  async fetch(key, fetcher, options) {
    return fetchOnce(this.#namespace, key, fetcher, options);
  }

  /** @param {any} key */
  async getRemainingTTL(key) {
    return addon.cacheRemainingTtl(this.#namespace.id, key);
  }

  async purgeStale() {
    return addon.cachePurgeStale(this.#namespace.id);
  }

  async healthCheck() {
    addon.cacheHealth(this.#namespace.id);
  }

  async stats() {
    const [hits, misses, sets, deletes, evictions, size] = addon.cacheStats(this.#namespace.id);
    return { hits, misses, sets, deletes, evictions, size, namespace: this.#namespace.name };
  }

  async usage() {
    const [entries, bytes, overheadBytes, segmentBytes, memoryEvictions, recoveries] = addon.cacheUsage(
      this.#namespace.id,
    );
    const transport = /** @type {const} */ ('shared');
    return { transport, entries, bytes, overheadBytes, segmentBytes, memoryEvictions, recoveries };
  }

  async destroy() {
    return addon.cacheDestroy(this.#namespace.id);
  }

  getCache() {
    requirePrimary('getCache()');
    return viewOf(this.#namespace.name);
  }

  /** @param {number} [value] */
  async max(value) {
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
    if (value !== undefined) limit('ttl', value);
    return addon.cacheTtl(this.#namespace.id, value);
  }

  /** @param {boolean} [value] */
  async allowStale(value) {
    if (value !== undefined && typeof value !== 'boolean')
      throw invalid('allowStale', 'true or false', value);
    return addon.cacheAllowStale(this.#namespace.id, value);
  }
}

module.exports = { LRUCacheClustered };
