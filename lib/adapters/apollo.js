/**
 * `ApolloFlotilla`: the cache of Apollo Server (`KeyValueCache` of `@apollo/utils.keyvaluecache` 4), which all workers share: for
 * whole responses, persisted queries and data sources.
 *
 * Lifetimes come in seconds; `null` is for ever, and none is what the cache says.
 */

/** @import { ApolloFlotillaOptions } from '../doors/apollo.js' */

const { keyspace } = require('./keyspace.js');
const { lifetime, setFor } = require('./lifetime.js');

class ApolloFlotilla {
  #space;

  /** @param {ApolloFlotillaOptions} [options] */
  constructor(options = {}) {
    this.#space = keyspace(
      options,
      { namespace: 'apollo', max: 100_000, prefix: 'apollo:' },
      'ApolloFlotilla',
    );
  }

  get cache() {
    return this.#space.cache;
  }

  /** @param {string} key */
  get(key) {
    return this.cache.get(this.#space.key(key));
  }

  /** @param {string} key @param {any} value @param {{ ttl?: number | null }} [options] */
  async set(key, value, { ttl } = {}) {
    const time = ttl === null || ttl === 0 ? 0 : lifetime(ttl === undefined ? undefined : ttl * 1000);
    await setFor(this.cache, this.#space.key(key), value, time);
  }

  /** @param {string} key */
  delete(key) {
    return this.cache.delete(this.#space.key(key));
  }

  clear() {
    return this.#space.clear();
  }
}

module.exports = { ApolloFlotilla };
