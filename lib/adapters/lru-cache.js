/**
 * `LRUCache`: the class of lru-cache 11 on the cache of all workers, for code that says `new LRUCache(...)` and cannot await.
 *
 * It is the cache's synchronous view with the rest of that class beside it. Each needs a `namespace`: a cache without a name could
 * not be told from another one in the next worker. Functions that make a value or its size run in the process that calls for it; those
 * that would have to run when an entry goes, in whatever process, are refused by name, as are keys that are objects. A worker on
 * the IPC transport has no synchronous view, and each use throws.
 */

/** @import { LRUCacheOptions } from '../doors/lru-cache.js' */

const { theInstance } = require('../base/loading.js');
const { invalid } = require('../cache/invalid.js');
const { SyncView } = require('../cache/sync-view.js');

/** A view that becomes an object of an heir's. */
function View(/** @type {any} */ view) {
  return Object.setPrototypeOf(view, /** @type {any} */ (new.target).prototype);
}
View.prototype = Object.create(SyncView.prototype, { constructor: { value: View } });

/** @param {string} name @param {unknown} value @returns {any} */
function checkedFunction(name, value) {
  if (value === undefined || typeof value === 'function') return value;
  throw invalid(name, 'a function', value);
}

/** What of the options of a read or of `fetch` is for a write. @param {any} options */
const forWrite = ({ ttl, size, sizeCalculation, start, noUpdateTTL } = /** @type {any} */ ({})) => ({
  ...(ttl !== undefined && { ttl }),
  ...(size !== undefined && { size }),
  ...(sizeCalculation !== undefined && { sizeCalculation }),
  ...(start !== undefined && { start }),
  ...(noUpdateTTL !== undefined && { noUpdateTTL }),
});

/** Says to all who wait for a value that there is none to store. */
class FetchedNothing extends Error {
  name = FetchedNothing.name;
}

class LRUCache extends /** @type {new (view: any) => any} */ (/** @type {unknown} */ (View)) {
  #cache;
  #sizeCalculation;
  #fetchMethod;
  #memoMethod;

  /** @param {LRUCacheOptions} options */
  constructor(options) {
    if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options);
    const { sizeCalculation, fetchMethod, memoMethod, tier, ...others } =
      /** @type {LRUCacheOptions & { tier?: unknown }} */ (options);
    if (typeof others.namespace !== 'string') throw invalid('namespace', 'a string', others.namespace);
    if (tier !== undefined)
      throw invalid('tier', 'left out: LRUCacheClustered has one, whose calls are awaited', tier);
    const functions = Object.entries({ sizeCalculation, fetchMethod, memoMethod });
    for (const [name, value] of functions) checkedFunction(name, value);
    const { LRUCacheClustered } = theInstance();
    const cache = new LRUCacheClustered(others);
    super(cache.sync);
    this.#cache = cache;
    this.#sizeCalculation = sizeCalculation;
    this.#fetchMethod = fetchMethod;
    this.#memoMethod = memoMethod;
  }

  get sizeCalculation() {
    return this.#sizeCalculation;
  }

  get fetchMethod() {
    return this.#fetchMethod;
  }

  get memoMethod() {
    return this.#memoMethod;
  }

  get [Symbol.toStringTag]() {
    return 'LRUCache';
  }

  /** The sizes of all entries, summed up by going over them. */
  get calculatedSize() {
    return this.dump().reduce((/** @type {number} */ sum, [, { size = 0 }]) => sum + size, 0);
  }

  /** @param {any} key @param {any} value @param {any} [options] */
  set(key, value, options) {
    if (value === undefined) this.delete(key);
    else if (options === undefined && this.#sizeCalculation === undefined) super.set(key, value);
    else super.set(key, value, this.#sized(key, value, options ?? {}));
    return this;
  }

  /** The options of a write with its size. @param {any} key @param {any} value @param {any} options */
  #sized(key, value, { sizeCalculation = this.#sizeCalculation, ...options }) {
    if (options.size !== undefined || checkedFunction('sizeCalculation', sizeCalculation) === undefined) {
      return options;
    }
    const size = sizeCalculation(value, key);
    if (!Number.isInteger(size) || size < 1) {
      throw invalid('what sizeCalculation returns', 'a positive whole number', size);
    }
    return { ...options, size };
  }

  *rkeys() {
    yield* [...this.keys()].reverse();
  }

  *rvalues() {
    yield* [...this.values()].reverse();
  }

  *rentries() {
    yield* [...this.entries()].reverse();
  }

  /** @param {(value: any, key: any, cache: any) => unknown} callback @param {unknown} [self] */
  rforEach(callback, self = this) {
    for (const [key, value] of this.rentries()) callback.call(self, value, key, this);
  }

  /** @param {(value: any, key: any, cache: any) => boolean} callback @param {any} [options] */
  find(callback, options) {
    for (const [key, value] of this.entries()) {
      if (callback(value, key, this)) return this.get(key, options);
    }
    return undefined;
  }

  /** Removes the least recently used entry: no two processes get the same one. */
  pop() {
    for (const key of this.rkeys()) {
      const value = this.take(key);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  /** @param {any} key @param {any} [options] */
  memo(key, { context, forceRefresh = false, ...options } = {}) {
    const memoMethod = this.#memoMethod;
    if (memoMethod === undefined)
      throw invalid('memoMethod', 'a function, given to the constructor', memoMethod);
    const { allowStale, updateAgeOnGet, noDeleteOnStaleGet } = options;
    const reading = Object.entries({ allowStale, updateAgeOnGet, noDeleteOnStaleGet });
    const found = this.get(key, Object.fromEntries(reading.filter(([, value]) => value !== undefined)));
    if (!forceRefresh && found !== undefined) return found;
    const made = memoMethod(key, found, { options, context });
    this.set(key, made, forWrite(options));
    return made;
  }

  /**
   * One call of `fetchMethod` runs for all callers of a key, in all workers.
   *
   * @param {any} key
   * @param {any} [options]
   */
  async fetch(key, { context, ...options } = {}) {
    const fetchMethod = this.#fetchMethod;
    if (fetchMethod === undefined) return this.get(key);
    /** @param {any} wanted @param {any} told */
    const fetcher = async (wanted, { stale, signal }) => {
      const value = await fetchMethod(wanted, stale, { signal, options, context });
      if (value === undefined) throw new FetchedNothing();
      return value;
    };
    try {
      return await this.#cache.fetch(key, fetcher, options);
    } catch (error) {
      // In another process than the fetcher's it has its name, and no class.
      if (/** @type {Error} */ (error)?.name === FetchedNothing.name) return undefined;
      throw error;
    }
  }

  /** @param {any} key @param {any} [options] */
  async forceFetch(key, options) {
    const value = await this.fetch(key, options);
    if (value === undefined) throw new Error('fetch() returned undefined');
    return value;
  }
}

module.exports = { LRUCache };
