/** `memoize`: a function whose results are kept in a cache, and which runs once for all who ask for one meanwhile. */

/** @import { FetchOptions, Fetcher } from '../../index.js' */

const { readFetch } = require('./given.js');
const { invalid } = require('./invalid.js');
const { loaderDefaults } = require('./loader-options.js');

/** Those of the cache count when it is asked: here a call's own options are only looked at. */
const noDefaults = loaderDefaults({});

/**
 * @param {{ fetch(key: any, fetcher: Fetcher<any>, options?: FetchOptions): Promise<any> }} cache
 * @param {(...args: any[]) => any} fn called with the arguments; what its fetcher is told is its `this`
 * @param {(...args: any[]) => any} keyFn
 * @param {FetchOptions} [options]
 * @returns {(...args: any[]) => Promise<any>}
 */
function memoize(cache, fn, keyFn, options) {
  if (typeof cache?.fetch !== 'function') throw invalid('cache', 'a cache with fetch()', cache);
  if (typeof fn !== 'function') throw invalid('fn', 'a function', fn);
  if (typeof keyFn !== 'function') throw invalid('keyFn', 'a function', keyFn);
  readFetch(undefined, fn, options, noDefaults, 'memoize');
  return async (...args) => cache.fetch(keyFn(...args), (_key, context) => fn.apply(context, args), options);
}

module.exports = { memoize };
