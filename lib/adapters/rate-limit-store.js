/**
 * `FlotillaRateLimitStore`: the counters of express-rate-limit, over all workers.
 *
 * What holds them, and what a death leaves of them, stands in `counters.js`.
 */

/** @import { RateLimitStoreOptions } from '../doors/express-rate-limit.js' */

const { Counters } = require('./counters.js');

const MINUTE = 60_000;

/** @param {number} left in milliseconds */
const resetTime = (left) => new Date(Date.now() + left);

class FlotillaRateLimitStore {
  #counters;
  #windowMs = MINUTE;
  /** The counters are everyone's: express-rate-limit looks for requests that are counted twice. */
  localKeys = false;

  /** @param {RateLimitStoreOptions} [options] */
  constructor(options = {}) {
    this.#counters = new Counters(options, 'rl:', 'FlotillaRateLimitStore');
    this.prefix = this.#counters.prefix;
  }

  get cache() {
    return this.#counters.cache;
  }

  /** @param {{ windowMs: number }} options */
  init({ windowMs }) {
    this.#windowMs = windowMs;
  }

  /** @param {string} client */
  async get(client) {
    const totalHits = await this.#counters.count(client);
    if (totalHits === undefined) return undefined;
    return { totalHits, resetTime: resetTime(await this.#counters.left(client)) };
  }

  /** @param {string} client */
  async increment(client) {
    const { value, ttl } = await this.#counters.add(client, this.#windowMs);
    return { totalHits: value, resetTime: resetTime(ttl) };
  }

  /** @param {string} client */
  async decrement(client) {
    await this.#counters.subtract(client);
  }

  /** @param {string} client */
  async resetKey(client) {
    await this.#counters.remove(client);
  }

  async resetAll() {
    await this.#counters.clear();
  }
}

module.exports = { FlotillaRateLimitStore };
