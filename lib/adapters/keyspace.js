/**
 * A part of a cache under a prefix: what each store keeps its entries in.
 *
 * Nothing is held here: all of it lies in the cache, and outlives any process that uses it.
 */

/** @import { LRUCacheClustered as Cache, Tier } from '../../index.js' */

const { theInstance } = require('../base/loading.js');
const { checkNames } = require('../cache/option-names.js');
const { invalid } = require('../cache/invalid.js');
const { defaultMax } = require('../cache/options.js');
const { secondTierOf } = require('../cache/second-tier.js');

const names = ['cache', 'namespace', 'max', 'prefix', 'tier'];

class Keyspace {
  /** @param {Cache<any, any>} cache @param {string} prefix */
  constructor(cache, prefix) {
    this.cache = cache;
    this.prefix = prefix;
  }

  /** @param {string} name */
  key(name) {
    return this.prefix + name;
  }

  /** @param {unknown} key @param {string} [part] */
  #owns(key, part = '') {
    return typeof key === 'string' && key.startsWith(this.prefix + part);
  }

  /** @param {string} [part] what the names begin with @returns {Promise<string[]>} the keys of what is there now */
  async keys(part) {
    const tier = secondTierOf(this.cache);
    const all = await (tier === undefined ? this.cache.keys() : tier.keys());
    return all.filter((key) => this.#owns(key, part));
  }

  /** @returns {Promise<[name: string, value: any][]>} what is there now: on one machine, as one moment saw it */
  async entries() {
    const all = secondTierOf(this.cache) === undefined ? await this.cache.entries() : await this.#read();
    return all
      .filter(([key]) => this.#owns(key))
      .map(([key, value]) => [key.slice(this.prefix.length), value]);
  }

  /** What the whole fleet has. @returns {Promise<[key: string, value: any][]>} */
  async #read() {
    const found = await this.cache.mGet(await this.keys());
    return [...found].filter(([, value]) => value !== undefined);
  }

  /** @param {string} [part] what the names begin with */
  async clear(part) {
    await this.cache.mDelete(await this.keys(part));
  }
}

/**
 * On the IPC transport, a store that is not answered waits, and then says so: `failsafe: 'resolve'` would look like a
 * visitor who is not logged in, or a request that nobody counts.
 */
const TRANSPORT = /** @type {const} */ ({ timeout: 5000, failsafe: 'reject' });

/**
 * @param {{ cache?: Cache<any, any>, namespace?: string, max?: number, prefix?: string, tier?: Tier }} options
 * @param {{ namespace: string, max: number, prefix: string }} defaults
 * @param {string} store whose options they are
 * @param {string[]} [more] that it takes beside
 */
function keyspace(options, defaults, store, more = []) {
  if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options);
  checkNames(store, options, [...names, ...more]);
  const { cache, namespace = defaults.namespace, max, prefix = defaults.prefix, tier } = options;
  if (typeof prefix !== 'string') throw invalid('prefix', 'a string', prefix);
  if (cache === undefined) {
    const { LRUCacheClustered } = theInstance();
    const made = { namespace, max, [defaultMax]: defaults.max, tier, ...TRANSPORT };
    return new Keyspace(new LRUCacheClustered(made), prefix);
  }
  if (typeof cache?.touch !== 'function') throw invalid('cache', 'an LRUCacheClustered', cache);
  return new Keyspace(cache, prefix);
}

module.exports = { keyspace };
