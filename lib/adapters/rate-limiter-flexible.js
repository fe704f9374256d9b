/**
 * `RateLimiterFlotilla`: a limiter of rate-limiter-flexible whose points lie in the cache that all workers share.
 *
 * All that a limiter does is that package's own: here points are added, and what is left of their time is read in the same step,
 * so that no two requests of any workers get the same count. Where the cache is full, the clients that came the longest ago are
 * forgotten: `max` is how many there may be at a time.
 */

/** @import { RateLimiterFlotillaOptions } from '../doors/rate-limiter-flexible.js' */
/** Points, and what is left of their time. @typedef {{ value: number, ttl: number }} Counted */

const { here } = require('../cache/held.js');
const { memoryOf } = require('../cache/lru-cache-clustered.js');
const { count } = require('../cache/one-step.js');
const { secondTierOf } = require('../cache/second-tier.js');
const { keyspace } = require('./keyspace.js');
const { lateClass, peer } = require('./peer.js');

const PACKAGE = 'rate-limiter-flexible';
/** Those whose stores have the four methods below; the oldest and the newest are tested. */
const VERSIONS = [5, 6, 7, 8, 9, 10, 11];
const DEFAULTS = { namespace: 'rate-limit', max: 100_000, prefix: '' };

/** Its options, beside those of the cache. */
const OPTIONS = [
  ...[
    'points',
    'duration',
    'blockDuration',
    'execEvenly',
    'execEvenlyMinDelayMs',
    'keyPrefix',
    'insuranceLimiter',
  ],
  ...['inMemoryBlockOnConsumed', 'inMemoryBlockDuration', 'blockOnConsumed'],
];

/** The class of its results, once a limiter is made. @type {any} */
let RateLimiterRes;

function findParent() {
  RateLimiterRes = peer(`flotilla/${PACKAGE}`, PACKAGE, VERSIONS, 'RateLimiterRes');
  return require(`${PACKAGE}/lib/RateLimiterStoreAbstract.js`);
}

/** A lifetime in whole milliseconds: 0 is for ever. @param {number} duration */
const lifetime = (duration) => (duration > 0 ? Math.ceil(duration) : 0);

/** What is left, in that package's words: -1 is for ever. @param {number} left */
const before = (left) => (left === Number.POSITIVE_INFINITY ? -1 : Math.ceil(left));

class RateLimiterFlotilla extends lateClass(findParent) {
  /** The memory of this machine that the points lie in, where no second tier and no primary is asked. */
  #memory;

  /** @param {RateLimiterFlotillaOptions} options */
  constructor(options) {
    const space = keyspace(options, DEFAULTS, 'RateLimiterFlotilla', OPTIONS);
    const { cache, namespace, max, tier, ...others } = options;
    super(others);
    this.client = space.cache;
    this.#memory = secondTierOf(space.cache) === undefined ? memoryOf(space.cache) : undefined;
  }

  /**
   * Every request of a client goes through here. The points are added before it returns, where they lie in memory and nothing is to be
   * asked before; then the only promise is the one that it gives.
   *
   * @param {string} key
   * @param {number} [points]
   * @param {object} [options]
   * @returns {Promise<any>}
   */
  consume(key, points = 1, options = {}) {
    const memory = this.#memory;
    if (memory === undefined || this.insuranceLimiter || this.execEvenly || this.inMemoryBlockOnConsumed > 0)
      return super.consume(key, points, options);
    try {
      const name = this.getKey(key);
      const duration = lifetime(this._getKeySecDuration(options) * 1000);
      const counted = here(memory, count, name, points, duration);
      return counted instanceof Promise
        ? counted.then((later) => this.#outcome(name, points, later, options))
        : this.#outcome(name, points, counted, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** @param {string} name @param {number} points @param {Counted} counted @param {object} options @returns {Promise<any>} */
  #outcome(name, points, counted, options) {
    if (counted.value <= this.points) return Promise.resolve(this._getRateLimiterRes(name, points, counted));
    // Too many: whether that blocks the client is for the package to say.
    return new Promise((resolve, reject) =>
      this._afterConsume(resolve, reject, name, points, counted, options),
    );
  }

  /**
   * @param {string} key
   * @param {number} points
   * @param {number} duration in milliseconds
   * @param {boolean} anew whether a time begins, with these points alone
   * @returns {Promise<Counted | undefined>}
   */
  _upsert(key, points, duration, anew = false) {
    const ttl = lifetime(duration);
    return anew ? this.#begin(key, points, ttl) : this.client.incrWithTtl(key, points, { ttl });
  }

  /** Only an error that another limiter is to stand in for has to be caught on its way. @param {string} name @param {any[]} given */
  _operation(name, given) {
    return this.insuranceLimiter ? super._operation(name, given) : this[name](...given);
  }

  /** @param {string} key @param {number} points @param {number} ttl @returns {Promise<Counted>} */
  async #begin(key, points, ttl) {
    await this.client.set(key, points, { ttl });
    return { value: points, ttl: ttl || Number.POSITIVE_INFINITY };
  }

  /** @param {string} key @returns {Promise<Counted | null>} */
  async _get(key) {
    const value = await this.client.peek(key);
    const ttl = await this.client.getRemainingTTL(key);
    return value === undefined || ttl === 0 ? null : { value, ttl };
  }

  /** @param {string} key */
  _delete(key) {
    return this.client.delete(key);
  }

  /** @param {string} _key @param {number} changed @param {Counted | undefined} counted */
  _getRateLimiterRes(_key, changed, counted) {
    // A cache that was made with `failsafe: 'resolve'` was not answered: here it has to be as with 'reject'.
    if (counted === undefined) throw new Error('IPC timeout');
    const { value, ttl } = counted;
    return new RateLimiterRes(Math.max(this.points - value, 0), before(ttl), value, value === changed);
  }
}

module.exports = { RateLimiterFlotilla };
