/**
 * `flotillaDriver`: the first layer of Bentocache, in the memory that all workers share instead of one for each. What a worker
 * stores or removes is so for all at once, and Bentocache needs no bus between the workers of a machine.
 *
 * The first layer is asked without promises: a worker on the IPC transport cannot use it, and each use throws.
 */

/** @import { FlotillaDriverOptions } from '../doors/bentocache.js' */

const { invalid } = require('../cache/invalid.js');
const { secondTierOf } = require('../cache/second-tier.js');
const { keyspace } = require('./keyspace.js');
const { lifetime } = require('./lifetime.js');

/** Without the colons at its end, as that package's own drivers. @param {string | undefined} prefix */
const trimmed = (prefix) => (prefix ?? '').replace(/:+$/, '');

class FlotillaDriver {
  type = 'l1';
  #space;
  #cache;

  /** @param {ReturnType<typeof keyspace>} space @param {string} prefix that of Bentocache and its namespaces */
  constructor(space, prefix) {
    this.#space = space;
    this.#cache = space.cache.sync;
    this.prefix = prefix;
  }

  /** @param {string} key */
  #key(key) {
    return this.#space.key(this.prefix === '' ? key : `${this.prefix}:${key}`);
  }

  /** @param {string} namespace */
  namespace(namespace) {
    return new FlotillaDriver(this.#space, this.prefix === '' ? namespace : `${this.prefix}:${namespace}`);
  }

  /** @param {string} key */
  get(key) {
    return this.#cache.get(this.#key(key));
  }

  /** @param {string} key */
  pull(key) {
    return this.#cache.take(this.#key(key));
  }

  /** @param {string} key @param {any} value @param {number} [time] */
  set(key, value, time) {
    const ttl = lifetime(time);
    if (Number.isNaN(ttl)) this.#cache.delete(this.#key(key));
    else this.#cache.set(this.#key(key), value, { ttl });
    return true;
  }

  /** @param {string} key @returns {number | undefined} */
  getRemainingTtl(key) {
    const left = this.#cache.getRemainingTTL(this.#key(key));
    return left === Number.POSITIVE_INFINITY ? undefined : left;
  }

  /** Those of the namespace and of the namespaces in it. */
  clear() {
    const prefix = this.#key('');
    for (const key of this.#cache.keys()) {
      if (typeof key === 'string' && key.startsWith(prefix)) this.#cache.delete(key);
    }
  }

  /** @param {string} key */
  delete(key) {
    return this.#cache.delete(this.#key(key));
  }

  /** @param {string[]} keys */
  deleteMany(keys) {
    for (const key of keys) this.delete(key);
    return true;
  }

  /** There is nothing to disconnect from. */
  async disconnect() {}
}

/** @param {FlotillaDriverOptions} [options] */
function flotillaDriver(options = {}) {
  const space = keyspace(
    options,
    { namespace: 'bentocache', max: 100_000, prefix: 'bentocache:' },
    'flotillaDriver',
  );
  const tier = secondTierOf(space.cache)?.tier;
  // A first layer is asked without promises.
  if (tier !== undefined) throw invalid('tier', 'left out: give Bentocache a second layer and its bus', tier);
  return {
    options: {},
    /** @param {{ prefix?: string }} config that of Bentocache */
    factory: (config) => new FlotillaDriver(space, trimmed(config.prefix)),
  };
}

module.exports = { flotillaDriver };
