/**
 * A cache without promises, in lru-cache's own words.
 *
 * Iterators go over a copy made when they are asked for: other processes may change the cache between two steps.
 */

/** @import { Entry, SyncCache, SyncGetOptions, SyncHasOptions, SyncPeekOptions, SyncSetOptions, TouchOptions, UpdateOptions, WriteOptions } from '../../index.js' */
/** @import { OpenNamespace } from './namespace.js' */

const { checkFlag } = require('./invalid.js');
const { addon } = require('./native.js');
const oneStep = require('./one-step.js');
const operations = require('./operations.js');
const { checkLimit, named } = require('./options.js');

/** @implements {SyncCache<any, any>} */
class SyncView {
  #namespace;

  /** @param {OpenNamespace} namespace */
  constructor(namespace) {
    this.#namespace = namespace;
  }

  /** @param {any} key @param {SyncGetOptions} [options] */
  get(key, options) {
    return operations.get(this.#namespace, key, options);
  }

  /** @param {any} key @param {any} value @param {SyncSetOptions} [options] */
  set(key, value, options) {
    operations.setSince(this.#namespace, key, value, options);
    return this;
  }

  /** @param {any} key @param {any} value @param {WriteOptions} [options] */
  setIfAbsent(key, value, options) {
    return operations.setIfAbsent(this.#namespace, key, value, options);
  }

  /** @param {any} key @param {SyncHasOptions} [options] */
  has(key, options) {
    return operations.has(this.#namespace, key, options);
  }

  /** @param {any} key @param {SyncPeekOptions} [options] */
  peek(key, options) {
    return operations.peek(this.#namespace, key, options);
  }

  /** @param {any} key @returns {boolean} */
  delete(key) {
    return addon.cacheDelete(this.#namespace.id, key);
  }

  clear() {
    addon.cacheClear(this.#namespace.id);
  }

  keys() {
    return operations.keys(this.#namespace).values();
  }

  values() {
    return operations.values(this.#namespace).values();
  }

  entries() {
    return operations.entries(this.#namespace).values();
  }

  [Symbol.iterator]() {
    return this.entries();
  }

  /**
   * @param {(value: any, key: any, cache: SyncCache<any, any>) => unknown} callback
   * @param {unknown} [self]
   */
  forEach(callback, self = this) {
    for (const [key, value] of this.entries()) callback.call(self, value, key, this);
  }

  get size() {
    return addon.cacheSize(this.#namespace.id);
  }

  get max() {
    return addon.cacheMax(this.#namespace.id);
  }

  get ttl() {
    return addon.cacheTtl(this.#namespace.id);
  }

  /** @param {number} value */
  set ttl(value) {
    checkLimit('ttl', value);
    addon.cacheTtl(this.#namespace.id, value);
  }

  get allowStale() {
    return addon.cacheAllowStale(this.#namespace.id);
  }

  /** @param {boolean} value */
  set allowStale(value) {
    checkFlag('allowStale', value);
    addon.cacheAllowStale(this.#namespace.id, value);
  }

  get maxSize() {
    return this.#made().maxSize;
  }

  get maxEntrySize() {
    return this.#made().maxEntrySize;
  }

  get updateAgeOnGet() {
    return this.#made().updateAgeOnGet;
  }

  get updateAgeOnHas() {
    return this.#made().updateAgeOnHas;
  }

  get noDeleteOnStaleGet() {
    return this.#made().noDeleteOnStaleGet;
  }

  get ttlAutopurge() {
    return this.#made().ttlAutopurge;
  }

  /** What it was made with, and nobody can change. */
  #made() {
    this.#namespace.look();
    return named(this.#namespace.declared);
  }

  purgeStale() {
    return addon.cachePurgeStale(this.#namespace.id);
  }

  /** @param {any} key */
  getRemainingTTL(key) {
    return addon.cacheRemainingTtl(this.#namespace.id, key);
  }

  /** @param {any} key @param {number} [amount] @param {WriteOptions} [options] */
  incr(key, amount, options) {
    return operations.incr(this.#namespace, key, amount, options);
  }

  /** @param {any} key @param {number} [amount] @param {WriteOptions} [options] */
  decr(key, amount, options) {
    return operations.decr(this.#namespace, key, amount, options);
  }

  /** @param {any} key @param {TouchOptions} [options] */
  touch(key, options) {
    return operations.touch(this.#namespace, key, options);
  }

  /** @param {any} key @param {number} [amount] @param {WriteOptions} [options] */
  incrWithTtl(key, amount, options) {
    return oneStep.incrWithTtl(this.#namespace, key, amount, options);
  }

  /** @param {any} key */
  take(key) {
    return oneStep.take(this.#namespace, key);
  }

  /** @param {any} key */
  getWithVersion(key) {
    return oneStep.getWithVersion(this.#namespace, key);
  }

  /** @param {any} key @param {any} value @param {string | undefined} version @param {WriteOptions} [options] */
  setIfVersion(key, value, version, options) {
    return oneStep.setIfVersion(this.#namespace, key, value, version, options);
  }

  /** @param {any} key @param {(value: any) => any} fn @param {UpdateOptions} [options] */
  update(key, fn, options) {
    return oneStep.update(this.#namespace, key, fn, options);
  }

  /** @param {readonly string[]} tags */
  invalidateTags(tags) {
    oneStep.invalidateTags(this.#namespace, tags);
  }

  dump() {
    return operations.dump(this.#namespace);
  }

  /** @param {Iterable<readonly [any, Entry<any>]>} entries */
  load(entries) {
    operations.load(this.#namespace, entries);
  }

  /** @param {any} key */
  info(key) {
    return operations.info(this.#namespace, key);
  }
}

module.exports = { SyncView };
