/** Lifetimes, as other packages say them, in the whole milliseconds of the cache. */

/**
 * @param {number | null | undefined} milliseconds
 * @returns {number | undefined} 0 is for ever, and nothing is what the cache says; NaN for one that is over
 */
function lifetime(milliseconds) {
  if (milliseconds === undefined || milliseconds === null) return undefined;
  if (!(milliseconds > 0)) return Number.NaN;
  return milliseconds > Number.MAX_SAFE_INTEGER ? 0 : Math.ceil(milliseconds);
}

/**
 * Stores a value for a time; where that is over already, no value is there.
 *
 * @param {import('../../index.js').LRUCacheClustered<any, any>} cache
 * @param {string} key
 * @param {any} value
 * @param {number | undefined} ttl
 * @param {{ tags?: string[] }} [options]
 * @returns {Promise<boolean>}
 */
async function setFor(cache, key, value, ttl, options) {
  if (!Number.isNaN(ttl)) return cache.set(key, value, { ...options, ttl });
  await cache.delete(key);
  return true;
}

module.exports = { lifetime, setFor };
