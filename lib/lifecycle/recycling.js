/**
 * Which workers are worn, and are to be replaced: by their memory, by how much they have answered, by how far their event loop
 * is behind, by their age. One at a time, and no two at the same count: each has a limit of its own, a tenth up or down.
 */

/** @import { Instance as Post } from '../cluster/post.js' */

const check = require('../base/check.js');

/**
 * @typedef {object} Limits
 * @property {number} [maxMemory] bytes that are resident
 * @property {number} [maxRequests]
 * @property {number} [maxLag] milliseconds that the event loop is behind
 * @property {number} [maxAge] milliseconds
 */

const lookEveryMs = 250;
/** How long after a replacement that failed it is tried again. */
const restMs = 10_000;

/** @param {any} limits */
function checked(limits) {
  check.record('recycle', limits);
  for (const name of ['maxMemory', 'maxRequests', 'maxLag', 'maxAge']) {
    if (limits[name] !== undefined) check.whole(1, Number.MAX_SAFE_INTEGER)(`recycle.${name}`, limits[name]);
  }
  return /** @type {Limits} */ (limits);
}

/** @param {number} bytes */
const megabytes = (bytes) => `${Math.round(bytes / 2 ** 20)} MiB`;

class Recycling {
  #limits;
  #sources;
  /** What each has of its own of the limits that all would reach at once. @type {WeakMap<Post, number>} */
  #shares = new WeakMap();
  /** @type {NodeJS.Timeout | undefined} */
  #look;
  #busy = false;
  #restsUntil = 0;

  /**
   * @param {Limits} limits
   * @param {{ posts: () => Post[], lag: (post: Post) => number, worn: (post: Post, reason: string) => unknown }} sources
   */
  constructor(limits, sources) {
    this.#limits = checked(limits);
    this.#sources = sources;
  }

  begin() {
    if (Object.values(this.#limits).every((limit) => limit === undefined)) return;
    this.#look = setInterval(() => this.look(), lookEveryMs).unref();
  }

  end() {
    clearInterval(this.#look);
  }

  async look() {
    if (this.#busy || performance.now() < this.#restsUntil) return;
    for (const post of this.#sources.posts()) {
      const reason = this.#whyWorn(post);
      if (reason === undefined) continue;
      this.#busy = true;
      try {
        await this.#sources.worn(post, reason);
      } catch {
        // Whoever replaces it has told why it could not be.
        this.#restsUntil = performance.now() + restMs;
      } finally {
        this.#busy = false;
      }
      return;
    }
  }

  /** @param {Post} post */
  #shareOf(post) {
    const share = this.#shares.get(post) ?? 0.9 + 0.2 * Math.random();
    this.#shares.set(post, share);
    return share;
  }

  /** @param {Post} post */
  #whyWorn(post) {
    const { maxMemory, maxRequests, maxLag, maxAge } = this.#limits;
    const { stats, readyAt } = post;
    const share = this.#shareOf(post);
    if (maxMemory && stats && stats.rssBytes > maxMemory)
      return `it has ${megabytes(stats.rssBytes)} of memory, and may have ${megabytes(maxMemory)}`;
    const { servedRequests = 0, eventLoopLagMs = 0 } = stats ?? {};
    if (maxRequests && servedRequests > maxRequests * share)
      return `it has answered ${servedRequests} requests`;
    const lag = Math.max(eventLoopLagMs, this.#sources.lag(post));
    if (maxLag && lag > maxLag) return `its event loop is ${Math.round(lag)} ms behind`;
    const age = performance.now() - readyAt;
    if (maxAge && age > maxAge * share) return `it is ${Math.round(age / 1000)} s old`;
    return undefined;
  }
}

module.exports = { Recycling };
