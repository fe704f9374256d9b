/**
 * A cache without promises, in lru-cache's own words.
 *
 * Iterators go over a copy made when they are asked for: other processes may change the cache between two steps.
 */

/** @import { Entry, SyncCache, SyncGetOptions, SyncHasOptions, SyncPeekOptions, SyncSetOptions, TouchOptions, UpdateOptions, WriteOptions } from '../../index.js' */
/** @import { OpenNamespace } from './namespace.js' */

const { checkFlag } = require('./invalid.js');
const { addon } = require('./native.js');
const { againNow, hereNow } = require('./held.js');
const oneStep = require('./one-step.js');
const operations = require('./operations.js');
const { checkLimit, named } = require('./options.js');
const { atOnce } = require('./slices.js');
const whole = require('./whole.js');

/** @implements {SyncCache<any, any>} */
class SyncView {
  #namespace;

  /** @param {OpenNamespace} namespace */
  constructor(namespace) {
    this.#namespace = namespace;
  }

  /** @param {any} key @param {SyncGetOptions} [options] */
  get(key, options) {
    try {
      return operations.get(this.#namespace, key, options);
    } catch (error) {
      return againNow(error, this.#namespace, operations.get, key, options);
    }
  }

  /** @param {any} key @param {any} value @param {SyncSetOptions} [options] */
  set(key, value, options) {
    try {
      operations.setSince(this.#namespace, key, value, options);
    } catch (error) {
      againNow(error, this.#namespace, operations.setSince, key, value, options);
    }
    return this;
  }

  /** @param {any} key @param {any} value @param {WriteOptions} [options] */
  setIfAbsent(key, value, options) {
    return hereNow(this.#namespace, operations.setIfAbsent, key, value, options);
  }

  /** @param {any} key @param {SyncHasOptions} [options] */
  has(key, options) {
    return hereNow(this.#namespace, operations.has, key, options);
  }

  /** @param {any} key @param {SyncPeekOptions} [options] */
  peek(key, options) {
    return hereNow(this.#namespace, operations.peek, key, options);
  }

  /** @param {any} key @returns {boolean} */
  delete(key) {
    return hereNow(this.#namespace, operations.remove, key);
  }

  clear() {
    hereNow(this.#namespace, whole.clear);
  }

  keys() {
    return atOnce(this.#namespace, whole.keys(this.#namespace)).values();
  }

  values() {
    return atOnce(this.#namespace, whole.values(this.#namespace)).values();
  }

  entries() {
    return atOnce(this.#namespace, whole.entries(this.#namespace)).values();
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
    return hereNow(this.#namespace, ({ id }) => addon.cacheSize(id));
  }

  get max() {
    return atOnce(this.#namespace, whole.max(this.#namespace));
  }

  get ttl() {
    return hereNow(this.#namespace, ({ id }) => addon.cacheTtl(id));
  }

  /** @param {number} value */
  set ttl(value) {
    checkLimit('ttl', value);
    hereNow(this.#namespace, ({ id }) => addon.cacheTtl(id, value));
  }

  get allowStale() {
    return hereNow(this.#namespace, ({ id }) => addon.cacheAllowStale(id));
  }

  /** @param {boolean} value */
  set allowStale(value) {
    checkFlag('allowStale', value);
    hereNow(this.#namespace, ({ id }) => addon.cacheAllowStale(id, value));
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
    hereNow(this.#namespace, (namespace) => namespace.look());
    return named(this.#namespace.declared);
  }

  purgeStale() {
    return atOnce(this.#namespace, whole.purgeStale(this.#namespace));
  }

  /** @param {any} key */
  getRemainingTTL(key) {
    return hereNow(this.#namespace, ({ id }) => addon.cacheRemainingTtl(id, key));
  }

  /** @param {any} key @param {number} [amount] @param {WriteOptions} [options] */
  incr(key, amount, options) {
    return hereNow(this.#namespace, operations.incr, key, amount, options);
  }

  /** @param {any} key @param {number} [amount] @param {WriteOptions} [options] */
  decr(key, amount, options) {
    return hereNow(this.#namespace, operations.decr, key, amount, options);
  }

  /** @param {any} key @param {TouchOptions} [options] */
  touch(key, options) {
    return hereNow(this.#namespace, operations.touch, key, options);
  }

  /** @param {any} key @param {number} [amount] @param {WriteOptions} [options] */
  incrWithTtl(key, amount, options) {
    return hereNow(this.#namespace, oneStep.incrWithTtl, key, amount, options);
  }

  /** @param {any} key */
  take(key) {
    return hereNow(this.#namespace, oneStep.take, key);
  }

  /** @param {any} key */
  getWithVersion(key) {
    return hereNow(this.#namespace, oneStep.getWithVersion, key);
  }

  /** @param {any} key @param {any} value @param {string | undefined} version @param {WriteOptions} [options] */
  setIfVersion(key, value, version, options) {
    return hereNow(this.#namespace, oneStep.setIfVersion, key, value, version, options);
  }

  /** @param {any} key @param {(value: any) => any} fn @param {UpdateOptions} [options] */
  update(key, fn, options) {
    return hereNow(this.#namespace, oneStep.update, key, fn, options);
  }

  /** @param {readonly string[]} tags */
  invalidateTags(tags) {
    hereNow(this.#namespace, oneStep.invalidateTags, tags);
  }

  dump() {
    return atOnce(this.#namespace, whole.dump(this.#namespace));
  }

  /** @param {Iterable<readonly [any, Entry<any>]>} entries */
  load(entries) {
    atOnce(this.#namespace, whole.load(this.#namespace, entries));
  }

  /** @param {any} key */
  info(key) {
    return hereNow(this.#namespace, operations.info, key);
  }
}

module.exports = { SyncView };
