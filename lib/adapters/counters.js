/**
 * The counters of a rate limit: how often each client came within its window, over all workers.
 *
 * A counter lives as long as its window, which begins with the first request: later ones leave its lifetime as it is. A
 * worker that dies leaves the counters as they are.
 */

/** @import { RateLimitStoreOptions } from '../doors/express-rate-limit.js' */

const { keyspace } = require('./keyspace.js');

/** A lifetime in whole milliseconds; 0 would be none, which is for ever. @param {number} milliseconds */
const lifetime = (milliseconds) => Math.max(1, Math.ceil(milliseconds));

class Counters {
  #space;

  /** @param {RateLimitStoreOptions} options @param {string} prefix the default one @param {string} store */
  constructor(options, prefix, store) {
    this.#space = keyspace(options, { namespace: 'rate-limit', max: 100_000, prefix }, store);
    this.cache = this.#space.cache;
    this.prefix = this.#space.prefix;
  }

  /**
   * @param {string} name
   * @param {number} windowMs
   * @returns {Promise<{ value: number, ttl: number }>} the count, and the whole milliseconds that are left of its window
   */
  async add(name, windowMs) {
    const counted = await this.cache.incrWithTtl(this.#space.key(name), 1, { ttl: lifetime(windowMs) });
    // A cache that was made with `failsafe: 'resolve'` was not answered: here it has to be as with 'reject'.
    if (counted === undefined) throw new Error('IPC timeout');
    return counted;
  }

  /**
   * Takes one request back, of a window that has not ended. Should it end just now, the next one starts with a
   * count of nobody's that is gone within a millisecond.
   *
   * @param {string} name
   */
  async subtract(name) {
    const key = this.#space.key(name);
    if (!((await this.cache.peek(key)) > 0)) return;
    await this.cache.decr(key, 1, { ttl: 1 });
  }

  /** @param {string} name @returns {Promise<number | undefined>} */
  count(name) {
    return this.cache.peek(this.#space.key(name));
  }

  /**
   * How many whole milliseconds are left of the window: none where it has ended, also while its counter is still there.
   *
   * @param {string} name
   * @returns {Promise<number>}
   */
  async left(name) {
    return Math.max(0, Math.ceil((await this.cache.getRemainingTTL(this.#space.key(name))) ?? 0));
  }

  /** Lets the window begin now, and leaves the count. @param {string} name @param {number} windowMs */
  async extend(name, windowMs) {
    await this.cache.touch(this.#space.key(name), { ttl: lifetime(windowMs) });
  }

  /** @param {string} name */
  async remove(name) {
    await this.cache.delete(this.#space.key(name));
  }

  clear() {
    return this.#space.clear();
  }
}

module.exports = { Counters };
