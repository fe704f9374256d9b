/**
 * What `fetch` and `memoize` may be told, and a cache by default for all of its calls: read and checked in one place, before
 * anything is done.
 */

/** @import { FetchOptions } from '../../index.js' */
/** @typedef {Required<Omit<FetchOptions, 'bypassL1' | 'ttl' | 'size' | 'tags' | 'signal' | 'negativeTtl' | 'softTimeout' | 'hardTimeout' | 'refreshAhead'>> & Pick<FetchOptions, 'ttl' | 'size' | 'tags' | 'signal' | 'negativeTtl' | 'softTimeout' | 'hardTimeout'> & { refreshAhead: number }} Loading */

const { named } = require('./call-options.js');
const { checkFlagIfGiven, invalid } = require('./invalid.js');

const DEFAULT_LEASE = 30_000;

/** Those that a cache may have for all of its calls. */
const loaderNames = /** @type {const} */ ([
  'staleWhileRevalidate',
  'staleIfError',
  'refreshAhead',
  'negativeTtl',
  'softTimeout',
  'hardTimeout',
  'jitter',
]);
const fetchNames = ['ttl', 'size', 'tags', 'bypassL1', 'forceRefresh', 'lease', 'signal', ...loaderNames];

/** @param {string} name @param {unknown} value */
function checkTime(name, value) {
  if (value !== undefined && (typeof value !== 'number' || !(value >= 0))) {
    throw invalid(name, 'a number of milliseconds, 0 or more', value);
  }
}

/** @param {string} name @param {unknown} value */
function checkPositive(name, value) {
  if (value !== undefined && (typeof value !== 'number' || !(value > 0))) {
    throw invalid(name, 'a positive number of milliseconds', value);
  }
}

/** @param {unknown} value @returns {number} how early: 0 for never, 1 for as soon as it pays */
function beta(value) {
  if (value === undefined || value === false) return 0;
  if (value === true) return 1;
  if (typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY) return value;
  throw invalid('refreshAhead', 'true, false, or a number of 0 or more', value);
}

/**
 * @param {Partial<Record<typeof loaderNames[number], any>>} given
 * @returns {Omit<Loading, 'lease' | 'forceRefresh'>}
 */
function readLoader(given) {
  const { staleWhileRevalidate, staleIfError, refreshAhead, negativeTtl, softTimeout, hardTimeout, jitter } =
    given;
  checkTime('staleWhileRevalidate', staleWhileRevalidate);
  checkTime('staleIfError', staleIfError);
  checkPositive('negativeTtl', negativeTtl);
  checkPositive('softTimeout', softTimeout);
  checkPositive('hardTimeout', hardTimeout);
  if (jitter !== undefined && (typeof jitter !== 'number' || !(jitter >= 0 && jitter <= 1))) {
    throw invalid('jitter', 'a number from 0 to 1', jitter);
  }
  return {
    staleWhileRevalidate: staleWhileRevalidate ?? 0,
    staleIfError: staleIfError ?? 0,
    refreshAhead: beta(refreshAhead),
    negativeTtl,
    softTimeout,
    hardTimeout,
    jitter: jitter ?? 0,
  };
}

/** @param {unknown} signal */
function checkSignal(signal) {
  if (signal === undefined || signal instanceof AbortSignal) return;
  throw invalid('signal', 'an AbortSignal', signal);
}

/**
 * The defaults of a cache, as its options say them; what is undefined is left out.
 *
 * @param {any} options
 * @returns {Readonly<Loading>}
 */
const loaderDefaults = (options) =>
  Object.freeze({ lease: DEFAULT_LEASE, forceRefresh: false, ...readLoader(options) });

/**
 * @param {Readonly<Loading>} defaults
 * @param {FetchOptions | null | undefined} options
 * @param {string} what takes them
 * @returns {Readonly<Loading>}
 */
function readLoading(defaults, options, what) {
  if (options === undefined || options === null) return defaults;
  const said = /** @type {FetchOptions} */ (named(what, options, fetchNames));
  const given = Object.fromEntries(loaderNames.map((name) => [name, said[name] ?? defaults[name]]));
  const { lease = DEFAULT_LEASE, ttl, size, tags, forceRefresh, signal, bypassL1 } = said;
  checkPositive('lease', lease);
  checkSignal(signal);
  checkFlagIfGiven('forceRefresh', forceRefresh);
  checkFlagIfGiven('bypassL1', bypassL1);
  return { ...readLoader(given), lease, ttl, size, tags, forceRefresh: forceRefresh === true, signal };
}

/** What instances were made with. @type {WeakMap<object, Readonly<Loading>>} */
const kept = new WeakMap();

/** @param {object} cache @param {Readonly<Loading>} defaults */
const keepDefaults = (cache, defaults) => kept.set(cache, defaults);

/** Whether a fetcher may bring nothing. @param {object} cache @param {FetchOptions} [options] */
const takesNothing = (cache, options) => (options?.negativeTtl ?? kept.get(cache)?.negativeTtl) !== undefined;

module.exports = { keepDefaults, loaderDefaults, loaderNames, readLoading, takesNothing };
