/** `memoize`: a function whose results are kept in a cache, and which runs once for all who ask for one meanwhile. */

/** @import { FetchOptions } from '../../index.js' */

const { invalid } = require('./options.js');

/**
 * @param {{ fetch(key: any, fetcher: () => any, options?: FetchOptions): Promise<any> }} cache
 * @param {(...args: any[]) => any} fn
 * @param {(...args: any[]) => any} keyFn
 * @param {FetchOptions} [options]
 * @returns {(...args: any[]) => Promise<any>}
 */
function memoize(cache, fn, keyFn, options) {
  if (typeof cache?.fetch !== 'function') throw invalid('cache', 'a cache with fetch()', cache);
  if (typeof fn !== 'function') throw invalid('fn', 'a function', fn);
  if (typeof keyFn !== 'function') throw invalid('keyFn', 'a function', keyFn);
  return async (...args) => cache.fetch(keyFn(...args), () => fn(...args), options);
}

module.exports = { memoize };
