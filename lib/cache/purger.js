/**
 * Removes entries as they expire, for a namespace with `ttlAutopurge`.
 *
 * One timer a namespace and process, set for the moment before which nothing can expire. It keeps no process alive.
 * If the process that wrote an entry dies, the others' timers, or the next one to count the entries, remove it.
 */

const { unlessHeld } = require('./held.js');
const { addon } = require('./native.js');

/** After so long it is tried again where another process keeps the lock. */
const LOCKED = 100;
/** The longest that a timer of Node can wait. */
const LONGEST = 2 ** 31 - 1;

class Purger {
  #id;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;
  #due = Number.POSITIVE_INFINITY;

  /** @param {number} id of the cache */
  constructor(id) {
    this.#id = id;
  }

  /** Something was written, or the timer has run out: waits for what expires next. */
  arm() {
    const wait = unlessHeld(() => addon.cacheNextExpiry(this.#id), LOCKED);
    if (wait === undefined) return;
    const due = performance.now() + wait;
    if (due >= this.#due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    // A millisecond later, for an entry is stale only after its last one.
    this.#timer = setTimeout(() => this.#purge(), Math.min(Math.max(wait, 0) + 1, LONGEST)).unref();
  }

  #purge() {
    this.#due = Number.POSITIVE_INFINITY;
    this.#timer = undefined;
    unlessHeld(() => addon.cachePurgeStale(this.#id), false);
    this.arm();
  }

  stop() {
    clearTimeout(this.#timer);
  }
}

module.exports = { Purger };
