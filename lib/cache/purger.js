/**
 * Removes entries as they expire, for a namespace with `ttlAutopurge`.
 *
 * One timer a namespace and process, set for the moment before which there is nothing to do. It keeps no process alive.
 * Native code does a slice at a time and says when the next is due, for all processes together: whoever comes first
 * does it, and the others look again later, in case that process is no more.
 */

const { unlessHeld } = require('./held.js');
const { addon } = require('./native.js');

/** After so long it is tried again where another process keeps the lock. */
const LOCKED = 100;
/** So much later than the next slice is due looks again who did not do the last. */
const WATCH = 2000;
const EARLY = 5;
/** The longest sleep: another process may have died that knew of something to do sooner. */
const LONGEST = 30_000;

class Purger {
  #id;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;
  #due = Number.POSITIVE_INFINITY;

  /** @param {number} id of the cache */
  constructor(id) {
    this.#id = id;
  }

  /** Something was written: waits for what expires next. */
  arm() {
    const wait = unlessHeld(() => addon.cacheNextExpiry(this.#id), LOCKED);
    if (wait !== undefined) this.#sleep(wait);
  }

  /** @param {number} wait */
  #sleep(wait) {
    // A millisecond later, for an entry is stale only after its last one.
    const time = Math.min(Math.max(wait, 0) + 1, LONGEST);
    const due = performance.now() + time;
    if (due >= this.#due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => this.#purge(), time).unref();
  }

  #purge() {
    this.#due = Number.POSITIVE_INFINITY;
    const next = unlessHeld(() => addon.cachePurgeInTurn(this.#id), [LOCKED, 1]);
    if (next === undefined) return;
    const [wait, worked] = next;
    // A timer may be a little early; else another process is at it.
    this.#sleep(worked || wait < EARLY ? wait : wait + WATCH);
  }

  stop() {
    clearTimeout(this.#timer);
  }
}

module.exports = { Purger };
