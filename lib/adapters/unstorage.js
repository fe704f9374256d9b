/**
 * `unstorageFlotilla`: a driver of unstorage 1 and 2, whose items lie in the cache that all workers share; and so for Nitro's
 * cached handlers and functions.
 *
 * Lifetimes come in seconds. It watches nothing: what another worker changes, it does not tell of.
 */

/** @import { UnstorageFlotillaOptions } from '../doors/unstorage.js' */

const { keyspace } = require('./keyspace.js');
const { invalid } = require('../cache/invalid.js');
const { lifetime, setFor } = require('./lifetime.js');

const DEFAULTS = { namespace: 'unstorage', max: 100_000, prefix: 'unstorage:' };

/** @param {UnstorageFlotillaOptions} [options] */
function unstorageFlotilla(options = {}) {
  // Nitro also hands its own options on.
  const { base = '', ttl, driver: _driver, ...others } = /** @type {any} */ (options);
  const space = keyspace(others, DEFAULTS, 'unstorageFlotilla', ['base', 'ttl']);
  if (typeof base !== 'string') throw invalid('base', 'a string', base);
  if (ttl !== undefined && !(ttl > 0)) throw invalid('ttl', 'a positive number of seconds', ttl);
  const { cache } = space;
  const root = base === '' ? '' : `${base}:`;
  const keyOf = (/** @type {string} */ key) => space.key(root + key);
  /** @param {string} key @param {any} value @param {{ ttl?: number }} [how] */
  const set = async (key, value, how) => {
    const seconds = how?.ttl ?? ttl;
    await setFor(cache, keyOf(key), value, lifetime(seconds === undefined ? undefined : seconds * 1000));
  };
  const get = async (/** @type {string} */ key) => (await cache.get(keyOf(key))) ?? null;
  return {
    name: 'flotilla',
    flags: { ttl: true },
    options,
    getInstance: () => cache,
    hasItem: (/** @type {string} */ key) => cache.has(keyOf(key)),
    getItem: get,
    getItemRaw: get,
    /** @param {{ key: string }[]} items */
    async getItems(items) {
      const found = await cache.mGet(items.map(({ key }) => keyOf(key)));
      return items.map(({ key }) => ({ key, value: found.get(keyOf(key)) ?? null }));
    },
    setItem: set,
    setItemRaw: set,
    async removeItem(/** @type {string} */ key) {
      await cache.delete(keyOf(key));
    },
    /** @param {string} [part] */
    async getKeys(part = '') {
      const { length } = keyOf('');
      return (await space.keys(root + part)).map((key) => key.slice(length));
    },
    /** @param {string} [part] */
    async clear(part = '') {
      await space.clear(root + part);
    },
    /** What one worker is done with, the others may still need. */
    dispose() {},
  };
}

module.exports = { unstorageFlotilla };
