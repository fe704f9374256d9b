/**
 * `fastifyRateLimitStore`: the counters of @fastify/rate-limit, over all workers. That plugin makes its stores itself,
 * one for all routes and one for each limiter with options of its own, so it is given a class.
 *
 * What holds the counters, and what a death leaves of them, stands in `counters.js`.
 */

/** @import { RateLimitStoreOptions } from '../doors/fastify-rate-limit.js' */

const { Counters } = require('./counters.js');

/** @typedef {{ current: number, ttl: number }} Count */
/** @typedef {(error: Error | null, count?: Count) => void} Callback */
/** @typedef {{ continueExceeding?: boolean, exponentialBackoff?: boolean }} Manner */

/** @param {Promise<Count>} promise @param {Callback} callback */
function answer(promise, callback) {
  promise.then(
    (count) => process.nextTick(callback, null, count),
    (error) => process.nextTick(callback, error),
  );
}

/** @param {RateLimitStoreOptions} [options] */
function fastifyRateLimitStore(options = {}) {
  const counters = new Counters(options, 'fastify-rl:', 'fastifyRateLimitStore');
  let limitersWithoutRoute = 0;

  /**
   * What tells a limiter's counters from those of others, in the same way in every worker: its route, or else the
   * order in which limiters are made.
   *
   * @param {{ method?: string | string[], url?: string }} route
   */
  function nameOf({ method, url }) {
    return url === undefined ? `limiter ${++limitersWithoutRoute}` : `${[method].flat().join(',')} ${url}`;
  }

  return class FlotillaFastifyRateLimitStore {
    #manner;
    #limiter;

    /** @param {Manner} manner @param {string} [limiter] */
    constructor(manner, limiter = '') {
      this.#manner = manner;
      this.#limiter = limiter;
    }

    /** @param {string} client @param {Callback} callback @param {number} timeWindow @param {number} max */
    incr(client, callback, timeWindow, max) {
      answer(this.#count(this.#name(client), timeWindow, max), callback);
    }

    /** @param {string} client @param {Callback} callback */
    read(client, callback) {
      answer(this.#read(this.#name(client)), callback);
    }

    /** @param {any} options those of a limiter, with the method and the address of its route */
    child(options) {
      return new FlotillaFastifyRateLimitStore(options, nameOf(options.routeInfo ?? {}));
    }

    /** @param {string} client */
    #name(client) {
      return `${this.#limiter} ${client}`;
    }

    /** @param {string} name @param {number} timeWindow @param {number} max @returns {Promise<Count>} */
    async #count(name, timeWindow, max) {
      const { value: current, ttl } = await counters.add(name, timeWindow);
      const extended = current > max && (await this.#exceeded(name, timeWindow, current - max));
      return { current, ttl: extended ? await counters.left(name) : ttl };
    }

    /**
     * @param {string} name
     * @param {number} timeWindow
     * @param {number} by how many the limit is exceeded
     * @returns {Promise<boolean>} whether the window begins anew
     */
    async #exceeded(name, timeWindow, by) {
      const { continueExceeding, exponentialBackoff } = this.#manner;
      if (continueExceeding) await counters.extend(name, timeWindow);
      else if (exponentialBackoff) {
        await counters.extend(name, Math.min(timeWindow * 2 ** (by - 1), Number.MAX_SAFE_INTEGER));
      }
      return Boolean(continueExceeding || exponentialBackoff);
    }

    /** @param {string} name @returns {Promise<Count>} */
    async #read(name) {
      return { current: (await counters.count(name)) ?? 0, ttl: await counters.left(name) };
    }
  };
}

module.exports = { fastifyRateLimitStore };
