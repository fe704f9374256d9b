/**
 * What later versions of lru-cache-clustered offer for their `localL1`, a cache in each worker before the shared one.
 *
 * Here no second cache stands before the shared one: the copies that `copies.js` keeps are checked against the shared memory at
 * each read, so there is nothing to go around, to count, or to tell of. Programs written for it run as they are.
 */

const { invalid } = require('./invalid.js');

const events = ['l1:hit', 'l1:miss', 'l1:set', 'l1:invalidate', 'l1:evict', 'l1:stale-hit'];

class LocalL1 {
  /** Every read answers what is newest: the instance itself. */
  withoutLocal() {
    return this;
  }

  /** That there is no such cache, in the form of that package. */
  localStats() {
    return {
      enabled: false,
      hits: 0,
      misses: 0,
      sets: 0,
      invalidations: 0,
      evictions: 0,
      staleHits: 0,
      size: 0,
      ipcAvoided: 0,
    };
  }

  /**
   * Takes a listener of something that never comes to pass here.
   *
   * @param {string} event
   * @param {(...details: any[]) => void} listener
   */
  on(event, listener) {
    if (!events.includes(event)) throw invalid('event', `one of ${events.join(', ')}`, event);
    if (typeof listener !== 'function') throw invalid('listener', 'a function', listener);
    return this;
  }

  /** @param {string} event @param {(...details: any[]) => void} listener */
  once(event, listener) {
    return this.on(event, listener);
  }

  /** @param {string} event @param {(...details: any[]) => void} listener */
  off(event, listener) {
    return this.on(event, listener);
  }
}

module.exports = { LocalL1 };
