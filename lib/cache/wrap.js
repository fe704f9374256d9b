/**
 * `wrap`: a view of a cache whose values pass through a codec of the user's.
 *
 * What the codec throws, the call that needed it rejects with; nothing is stored then.
 */

/** @import { Codec, FetchOptions, Fetcher, LRUCacheClustered, ReadOptions, UpdateOptions, WriteOptions } from '../../index.js' */

const { FlightContext } = require('./flight-context.js');
const { checkPair, readList } = require('./given.js');
const { takesNothing } = require('./loader-options.js');
const { invalid } = require('./invalid.js');

class WrappedCache {
  #codec;

  /** @param {LRUCacheClustered} cache @param {Codec<any, any>} codec */
  constructor(cache, codec) {
    this.cache = cache;
    this.namespace = cache.namespace;
    this.ready = cache.ready;
    this.#codec = codec;
  }

  /** @param {any} stored */
  async #decoded(stored) {
    return stored === undefined ? undefined : this.#codec.decode(stored);
  }

  /** @param {any} key @param {ReadOptions} [options] */
  async get(key, options) {
    return this.#decoded(await this.cache.get(key, options));
  }

  /** @param {any} key @param {ReadOptions} [options] */
  async peek(key, options) {
    return this.#decoded(await this.cache.peek(key, options));
  }

  /** @param {any} key @param {any} value @param {WriteOptions} [options] */
  async set(key, value, options) {
    return this.cache.set(key, await this.#codec.encode(value), options);
  }

  /** @param {any} key @param {any} value @param {WriteOptions} [options] */
  async setIfAbsent(key, value, options) {
    return this.cache.setIfAbsent(key, await this.#codec.encode(value), options);
  }

  /** @param {any} key */
  async take(key) {
    return this.#decoded(await this.cache.take(key));
  }

  /** @param {any} key */
  async getWithVersion(key) {
    const seen = await this.cache.getWithVersion(key);
    return seen && { value: await this.#decoded(seen.value), version: seen.version };
  }

  /** @param {any} key @param {any} value @param {string | undefined} version @param {WriteOptions} [options] */
  async setIfVersion(key, value, version, options) {
    return this.cache.setIfVersion(key, await this.#codec.encode(value), version, options);
  }

  /** @param {any} key @param {(value: any) => any} fn @param {UpdateOptions} [options] */
  async update(key, fn, options) {
    if (typeof fn !== 'function') throw invalid('fn', 'a function', fn);
    const updated = await this.cache.update(
      key,
      async (/** @type {any} */ stored) => {
        const value = await fn(await this.#decoded(stored));
        return value === undefined ? undefined : this.#codec.encode(value);
      },
      options,
    );
    return this.#decoded(updated);
  }

  /** @param {readonly string[]} tags */
  async invalidateTags(tags) {
    return this.cache.invalidateTags(tags);
  }

  /** @param {Iterable<any>} keys @param {ReadOptions} [options] */
  async mGet(keys, options) {
    const stored = [...(await this.cache.mGet(keys, options))];
    return new Map(
      await Promise.all(
        stored.map(async ([key, value]) => /** @type {const} */ ([key, await this.#decoded(value)])),
      ),
    );
  }

  /**
   * @param {Iterable<readonly [any, any] | readonly [any, any, WriteOptions]>} entries
   * @param {WriteOptions} [options]
   */
  async mSet(entries, options) {
    const pairs = readList('entries', entries);
    for (const pair of pairs) checkPair(pair);
    const encoded = await Promise.all(
      pairs.map(async ([key, value, own]) => {
        const stored = await this.#codec.encode(value);
        return /** @type {[any, any, WriteOptions]} */ ([key, stored, own ?? {}]);
      }),
    );
    return this.cache.mSet(encoded, options);
  }

  async values() {
    return Promise.all((await this.cache.values()).map((stored) => this.#decoded(stored)));
  }

  /** @returns {Promise<[any, any][]>} */
  async entries() {
    const entries = await this.cache.entries();
    return Promise.all(
      entries.map(async ([key, stored]) => /** @type {[any, any]} */ ([key, await this.#decoded(stored)])),
    );
  }

  async *[Symbol.asyncIterator]() {
    yield* await this.entries();
  }

  /** @param {any} key @param {Fetcher<any>} fetcher @param {FetchOptions} [options] */
  async fetch(key, fetcher, options) {
    if (typeof fetcher !== 'function') throw invalid('fetcher', 'a function', fetcher);
    const tags = options?.tags;
    /** @type {readonly string[] | undefined} */
    let names;
    const beside = typeof tags === 'function' ? { ...options, tags: () => names } : options;
    /** @type {Fetcher<any>} */
    const bring = async (fetched, beneath) => {
      const stale = await this.#decoded(beneath.stale);
      const context = FlightContext.over(beneath, stale);
      const value = await fetcher(fetched, context);
      if (typeof tags === 'function') names = tags(value);
      const isNothing = (value === undefined || value === null) && takesNothing(this.cache, options);
      return isNothing ? value : this.#codec.encode(value);
    };
    return this.#decoded(await this.cache.fetch(key, bring, beside));
  }

  /** @param {any} key @param {ReadOptions} [options] */
  async has(key, options) {
    return this.cache.has(key, options);
  }

  /** @param {any} key */
  async delete(key) {
    return this.cache.delete(key);
  }

  async keys() {
    return this.cache.keys();
  }

  async size() {
    return this.cache.size();
  }

  async clear() {
    return this.cache.clear();
  }

  async destroy() {
    return this.cache.destroy();
  }

  async healthCheck() {
    return this.cache.healthCheck();
  }

  async purgeStale() {
    return this.cache.purgeStale();
  }

  /** @param {any} key */
  async getRemainingTTL(key) {
    return this.cache.getRemainingTTL(key);
  }

  async stats() {
    return this.cache.stats();
  }
}

/**
 * @param {any} cache
 * @param {Codec<any, any>} codec
 * @returns {any}
 */
function wrap(cache, codec) {
  if (typeof cache?.get !== 'function') throw invalid('cache', 'a cache', cache);
  if (typeof codec?.encode !== 'function' || typeof codec?.decode !== 'function') {
    throw invalid('codec', 'an object with the functions encode and decode', codec);
  }
  return new WrappedCache(cache, codec);
}

module.exports = { wrap };
