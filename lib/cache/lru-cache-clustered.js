/**
 * `LRUCacheClustered`: one LRU cache for all processes of a cluster, with promises.
 *
 * On shared memory each method does its work before it returns, and nothing waits for the primary. A worker on the
 * IPC transport asks its primary instead.
 */

/** @import { BootstrapOptions, CacheOptions, Entry, FetchOptions, Fetcher, ReadOptions, TouchOptions, UpdateOptions, WriteOptions } from '../../index.js' */
/** @import { OpenNamespace } from './namespace.js' */

const { brief, debug } = require('../base/debug.js');
const { createError } = require('../errors.js');
const { addon } = require('./native.js');
const { checkRead, readTagNames, readTouch, readWrite } = require('./call-options.js');
const given = require('./given.js');
const { checkFlag, invalid } = require('./invalid.js');
const { here, inTurn, isHeld } = require('./held.js');
const { LocalL1 } = require('./local-l1.js');
const { openNamespace } = require('./namespace.js');
const oneStep = require('./one-step.js');
const operations = require('./operations.js');
const { checkLimit, declare, describe, namespaceOf, readTransportOptions } = require('./options.js');
const { keepDefaults, loaderDefaults } = require('./loader-options.js');
const { patiently } = require('./patience.js');
const { allCaches, viewOf } = require('./registry.js');
const { Remote } = require('./remote.js');
const segment = require('./segment.js');
const { fetchOnce } = require('./single-flight.js');
const { inSlices, inSlicesBeforeAll } = require('./slices.js');
const { SyncView } = require('./sync-view.js');
const { update } = require('./update.js');
const whole = require('./whole.js');

const tell = debug('lru-cache-clustered-primary');

/** @param {string} name of what was called */
function requirePrimary(name) {
  if (segment.isClusterWorker()) throw createError('FLOTILLA_ERR_PRIMARY_ONLY', [name]);
}

/**
 * What is undefined is left out: JSON does not keep it.
 *
 * @param {Record<string, any>} options
 * @returns {Record<string, any> | undefined}
 */
function said(options) {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return given.length === 0 ? undefined : Object.fromEntries(given);
}

/** What `set` answers with: promises that are there already, as making one takes longer than many a write. */
const STORED = Promise.resolve(true);
const NOT_STORED = Promise.resolve(false);

/** What a cache of this copy of the library has in shared memory; nothing on the IPC transport. @type {(cache: any) => OpenNamespace | undefined} */
let memoryOf;

/** A cache in the memory of this machine. */
class SharedCache extends LocalL1 {
  static {
    memoryOf = (cache) => (#remote in cache && cache.#remote === undefined ? cache.#namespace : undefined);
  }

  #namespace;
  #loading;
  /** In a worker on the IPC transport. @type {InstanceType<typeof Remote> | undefined} */
  #remote;

  /** @param {CacheOptions} [options] */
  constructor(options = {}) {
    const name = namespaceOf(options);
    const how = readTransportOptions(options);
    const loading = loaderDefaults(options);
    const declaration = declare(options);
    super();
    this.#namespace = openNamespace(name, declaration);
    this.#namespace.lockTimeout = how.lockTimeout;
    this.sync = new SyncView(this.#namespace);
    if (segment.isRemote()) {
      this.#remote = new Remote(describe(name, declaration), how);
      // It only has to be on its way before all others; what is wrong with it, each use says.
      this.#remote.call('healthCheck').catch(() => {});
    }
    this.#loading = loading;
    keepDefaults(this, loading);
    this.ready = Promise.resolve();
    this.namespace = name;
    this.timeout = how.timeout;
    this.failsafe = how.failsafe;
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

  /** @param {string} op @param {any[]} [list] what has been looked at already */
  async #ask(op, list = []) {
    while (list.length > 0 && list.at(-1) === undefined) list.pop();
    return /** @type {InstanceType<typeof Remote>} */ (this.#remote).call(op, list);
  }

  /** @param {string} op @param {any} key */
  async #askOf(op, key) {
    given.checkKey(key);
    return this.#ask(op, [key]);
  }

  /** @param {string} op @param {any} key @param {any} value @param {WriteOptions} [options] */
  async #askToStore(op, key, value, options) {
    const write = readWrite(op, options);
    given.encoded(value, key);
    given.checkKey(key);
    return this.#ask(op, [key, value, said(write)]);
  }

  /** @param {string} op @param {any} key @param {any} amount @param {WriteOptions} [options] */
  async #askToCount(op, key, amount = 1, options = undefined) {
    const write = readWrite(op, options);
    given.checkAmount(amount);
    given.checkKey(key);
    return this.#ask(op, [key, amount, said(write)]);
  }

  /** @param {any} key @param {Fetcher<any>} fetcher @param {FetchOptions} [options] */
  async #fetchThere(key, fetcher, options) {
    const { signal, tags, ...how } = given.readFetch(undefined, fetcher, options, this.#loading);
    // A function stays here, and is asked where the fetcher runs.
    const asks = typeof tags === 'function';
    const names = asks ? undefined : tags;
    given.checkKey(key);
    if (signal?.aborted) throw signal.reason;
    const takesNothing = how.negativeTtl !== undefined;
    const remote = /** @type {InstanceType<typeof Remote>} */ (this.#remote);
    const list = [key, said({ ...how, tags: names })];
    const answered = remote.call('fetch', asks ? [...list, true] : list, {
      fetcher,
      tags,
      takesNothing,
    });
    return signal === undefined ? answered : patiently(answered, { signal });
  }

  /**
   * @param {Iterable<readonly [any, any] | readonly [any, any, WriteOptions]>} entries
   * @param {WriteOptions} [options]
   */
  async #askToStoreAll(entries, options) {
    const all = given.readEntries(undefined, entries, options);
    return this.#ask('mSet', [
      all.map(({ key, value, ttl, size, tags }) => {
        const write = said({ ttl, size, tags });
        return write ? [key, value, write] : [key, value];
      }),
    ]);
  }

  /** @param {Iterable<readonly [any, Entry<any>]>} entries */
  async #askToLoad(entries) {
    const all = given.readDump(undefined, entries);
    return this.#ask('load', [
      all.map(({ key, value, ttl, start, size, tags, version, grace, delta }) => [
        key,
        said({ value, ttl, start, size, tags, version, grace, delta }),
      ]),
    ]);
  }

  /** @param {any} key @param {TouchOptions} [options] */
  async #askToTouch(key, options) {
    const ttl = readTouch(options);
    given.checkKey(key);
    return this.#ask('touch', [key, said({ ttl })]);
  }

  /** @param {any} key @param {ReadOptions} [options] */
  async get(key, options) {
    if (options !== undefined) checkRead('get', options);
    if (this.#remote) return this.#askOf('get', key);
    const namespace = this.#namespace;
    if (namespace.waiting === undefined) {
      try {
        return operations.get(namespace, key);
      } catch (error) {
        if (!isHeld(error)) throw error;
      }
    }
    return inTurn(namespace, operations.get, key);
  }

  /** @param {any} key @param {any} value @param {WriteOptions} [options] */
  set(key, value, options) {
    try {
      if (this.#remote) return this.#askToStore('set', key, value, options);
      const namespace = this.#namespace;
      if (namespace.waiting === undefined) {
        return operations.set(namespace, key, value, options) ? STORED : NOT_STORED;
      }
    } catch (error) {
      if (!isHeld(error)) return Promise.reject(error);
    }
    return inTurn(this.#namespace, operations.set, key, value, options);
  }

  /** @param {any} key @param {any} value @param {WriteOptions} [options] */
  async setIfAbsent(key, value, options) {
    if (this.#remote) return this.#askToStore('setIfAbsent', key, value, options);
    return here(this.#namespace, operations.setIfAbsent, key, value, options);
  }

  /** @param {any} key @returns {Promise<boolean>} */
  async delete(key) {
    if (this.#remote) return this.#askOf('delete', key);
    return here(this.#namespace, operations.remove, key);
  }

  /** @param {any} key @param {ReadOptions} [options] */
  async has(key, options) {
    if (options !== undefined) checkRead('has', options);
    if (this.#remote) return this.#askOf('has', key);
    return here(this.#namespace, operations.has, key);
  }

  /** @param {any} key @param {ReadOptions} [options] */
  async peek(key, options) {
    if (options !== undefined) checkRead('peek', options);
    if (this.#remote) return this.#askOf('peek', key);
    return here(this.#namespace, operations.peek, key);
  }

  async clear() {
    if (this.#remote) return this.#ask('clear');
    await here(this.#namespace, whole.clear);
  }

  /** @param {Iterable<any>} keys @param {ReadOptions} [options] */
  async mGet(keys, options) {
    if (options !== undefined) checkRead('mGet', options);
    if (this.#remote) return this.#ask('mGet', [given.readKeys(keys)]);
    return here(this.#namespace, operations.getAll, keys);
  }

  /**
   * @param {Iterable<readonly [any, any] | readonly [any, any, WriteOptions]>} entries
   * @param {WriteOptions} [options]
   */
  async mSet(entries, options) {
    if (this.#remote) return this.#askToStoreAll(entries, options);
    await here(this.#namespace, operations.setAll, entries, options);
  }

  /** @param {Iterable<any>} keys */
  async mDelete(keys) {
    if (this.#remote) return this.#ask('mDelete', [given.readKeys(keys)]);
    await here(this.#namespace, operations.deleteAll, keys);
  }

  async keys() {
    if (this.#remote) return this.#ask('keys');
    return inSlices(this.#namespace, whole.keys(this.#namespace));
  }

  async values() {
    if (this.#remote) return this.#ask('values');
    return inSlices(this.#namespace, whole.values(this.#namespace));
  }

  async entries() {
    if (this.#remote) return this.#ask('entries');
    return inSlices(this.#namespace, whole.entries(this.#namespace));
  }

  async *[Symbol.asyncIterator]() {
    yield* (await this.entries()) ?? [];
  }

  async dump() {
    if (this.#remote) return this.#ask('dump');
    return inSlices(this.#namespace, whole.dump(this.#namespace));
  }

  /** @param {Iterable<readonly [any, Entry<any>]>} entries */
  async load(entries) {
    if (this.#remote) return this.#askToLoad(entries);
    await inSlicesBeforeAll(this.#namespace, whole.load(this.#namespace, entries));
  }

  async size() {
    if (this.#remote) return this.#ask('size');
    return here(this.#namespace, ({ id }) => addon.cacheSize(id));
  }

  /** @param {any} key @param {number} [amount] @param {WriteOptions} [options] */
  async incr(key, amount, options) {
    if (this.#remote) return this.#askToCount('incr', key, amount, options);
    return here(this.#namespace, operations.incr, key, amount, options);
  }

  /** @param {any} key @param {number} [amount] @param {WriteOptions} [options] */
  async decr(key, amount, options) {
    if (this.#remote) return this.#askToCount('decr', key, amount, options);
    return here(this.#namespace, operations.decr, key, amount, options);
  }

  /** @param {any} key @param {TouchOptions} [options] */
  async touch(key, options) {
    if (this.#remote) return this.#askToTouch(key, options);
    return here(this.#namespace, operations.touch, key, options);
  }

  /** @param {any} key @param {number} [amount] @param {WriteOptions} [options] */
  async incrWithTtl(key, amount, options) {
    if (this.#remote) return this.#askToCount('incrWithTtl', key, amount, options);
    return here(this.#namespace, oneStep.incrWithTtl, key, amount, options);
  }

  /** @param {any} key */
  async take(key) {
    if (this.#remote) return this.#askOf('take', key);
    return here(this.#namespace, oneStep.take, key);
  }

  /** @param {any} key */
  async getWithVersion(key) {
    if (this.#remote) return this.#askOf('getWithVersion', key);
    return here(this.#namespace, oneStep.getWithVersion, key);
  }

  /** @param {any} key @param {any} value @param {string | undefined} version @param {WriteOptions} [options] */
  async setIfVersion(key, value, version, options) {
    if (this.#remote) return this.#askIfVersion(key, value, version, options);
    return here(this.#namespace, oneStep.setIfVersion, key, value, version, options);
  }

  /** @param {any} key @param {any} value @param {string | undefined} version @param {WriteOptions} [options] @param {{ always?: boolean }} [how] */
  async #askIfVersion(key, value, version, options, how) {
    const write = said(readWrite('setIfVersion', options));
    const stands = given.readVersion(version) ?? null;
    given.encoded(value, key);
    given.checkKey(key);
    const list = [key, value, stands, write].slice(0, write ? 4 : 3);
    return /** @type {InstanceType<typeof Remote>} */ (this.#remote).call('setIfVersion', list, how);
  }

  /** @param {any} key @param {(value: any) => any} fn @param {UpdateOptions} [options] */
  async update(key, fn, options) {
    const remote = this.#remote;
    given.checkKey(key);
    if (remote === undefined) {
      const namespace = this.#namespace;
      return update(
        {
          look: async () => here(namespace, oneStep.getWithVersion, key),
          store: async (value, version, write) =>
            here(namespace, oneStep.setIfVersion, key, value, version, write),
        },
        key,
        fn,
        options,
      );
    }
    // What was not answered may have been stored: it is not to be done once more, so that is an error here.
    const always = true;
    return update(
      {
        look: () => remote.call('getWithVersion', [key], { always }),
        store: (value, version, write) => this.#askIfVersion(key, value, version, write, { always }),
      },
      key,
      fn,
      options,
    );
  }

  /** @param {readonly string[]} tags */
  async invalidateTags(tags) {
    if (this.#remote) return this.#ask('invalidateTags', [readTagNames(tags)]);
    await here(this.#namespace, oneStep.invalidateTags, tags);
  }

  /** @param {any} key @param {Fetcher<any>} fetcher @param {FetchOptions} [options] */
  async fetch(key, fetcher, options) {
    if (this.#remote) return this.#fetchThere(key, fetcher, options);
    const how = given.readFetch(this.#namespace, fetcher, options, this.#loading);
    return fetchOnce(this.#namespace, key, fetcher, how);
  }

  /** @param {any} key */
  async getRemainingTTL(key) {
    if (this.#remote) return this.#askOf('getRemainingTTL', key);
    return here(this.#namespace, ({ id }) => addon.cacheRemainingTtl(id, key));
  }

  async purgeStale() {
    if (this.#remote) return this.#ask('purgeStale');
    return inSlices(this.#namespace, whole.purgeStale(this.#namespace));
  }

  async healthCheck() {
    if (this.#remote) return this.#remote.call('healthCheck', [], { always: true });
    await here(this.#namespace, ({ id }) => addon.cacheHealth(id));
  }

  async stats() {
    if (this.#remote) return this.#ask('stats');
    const [hits, misses, sets, deletes, evictions, size] = await here(this.#namespace, ({ id }) =>
      addon.cacheStats(id),
    );
    return { hits, misses, sets, deletes, evictions, size, namespace: this.#namespace.name };
  }

  async usage() {
    if (this.#remote) {
      const usage = await this.#ask('usage');
      // The primary may share memory with other workers: the way is this one's own.
      return usage && { ...usage, transport: segment.transportOf() };
    }
    const [entries, bytes, overheadBytes, segmentBytes, memoryEvictions, recoveries] = await here(
      this.#namespace,
      ({ id }) => addon.cacheUsage(id),
    );
    const transport = segment.transportOf();
    return { transport, entries, bytes, overheadBytes, segmentBytes, memoryEvictions, recoveries };
  }

  /** @returns {import('../../index.js').TierStats | undefined} */
  tierStats() {
    return undefined;
  }

  async destroy() {
    if (this.#remote) return this.#ask('destroy');
    this.#namespace.leaveCopies();
    const destroyed = await here(this.#namespace, whole.destroy);
    tell?.(destroyed ? 'removed' : 'did not find', brief(this.#namespace.name));
    return destroyed;
  }

  getCache() {
    requirePrimary('getCache()');
    return viewOf(this.#namespace.name);
  }

  /** @param {number} [value] */
  async max(value) {
    if (value !== undefined) checkLimit('max', value);
    if (this.#remote) return this.#ask('max', [value]);
    if (value === 0) this.#checkBounded();
    return inSlices(this.#namespace, whole.max(this.#namespace, value));
  }

  /** Without `max`. */
  #checkBounded() {
    const others = this.#namespace.declared[1] > 0 || addon.cacheTtl(this.#namespace.id) > 0;
    if (!others)
      throw invalid('max', 'a positive whole number where the cache has neither maxSize nor ttl', 0);
  }

  /** @param {number} [value] */
  async ttl(value) {
    if (value !== undefined) checkLimit('ttl', value);
    if (this.#remote) return this.#ask('ttl', [value]);
    return here(this.#namespace, ({ id }) => addon.cacheTtl(id, value));
  }

  /** @param {boolean} [value] */
  async allowStale(value) {
    if (value !== undefined) checkFlag('allowStale', value);
    if (this.#remote) return this.#ask('allowStale', [value]);
    return here(this.#namespace, ({ id }) => addon.cacheAllowStale(id, value));
  }
}

class LRUCacheClustered extends SharedCache {
  /** @param {CacheOptions} [options] */
  // biome-ignore lint/correctness/noUnreachableSuper: a cache with a second tier is made by that.
  constructor(options = {}) {
    const tier = /** @type {any} */ (options)?.tier;
    if (tier !== undefined) {
      if (typeof tier?.over !== 'function') throw invalid('tier', 'what redisTier gives', tier);
      // biome-ignore lint/correctness/noConstructorReturn: what is made is a cache all the same, of a class below this one.
      return tier.over(options);
    }
    super(options);
  }
}

if (!segment.isClusterWorker()) {
  segment.beforeFirstChild(() => require('./served.js').serve(LRUCacheClustered));
}

module.exports = { LRUCacheClustered, memoryOf };
