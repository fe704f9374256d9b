/** The options of a cache: what is allowed, what is the default, and what the addon or the primary is given. */

/** @import { CacheOptions } from '../../index.js' */

const { createError } = require('../errors.js');
const { describeKey } = require('./codec.js');

/** @typedef {[max: number, maxSize: number, maxEntrySize: number, ttl: number, flags: number]} Declared */

const DEFAULT_MAX = 1000;
const limitNames = /** @type {const} */ (['max', 'maxSize', 'maxEntrySize', 'ttl']);
const flagNames = /** @type {const} */ ([
  'allowStale',
  'updateAgeOnGet',
  'updateAgeOnHas',
  'noDeleteOnStaleGet',
  'ttlAutopurge',
]);
const TTL_AUTOPURGE = 16;

/** All that says what a cache is: nothing else of what a constructor is given is ever sent to the primary. */
const optionNames = /** @type {const} */ (['namespace', ...limitNames, ...flagNames]);

/**
 * @param {string} name
 * @param {string} expected
 * @param {unknown} actual
 */
function invalid(name, expected, actual) {
  return createError('FLOTILLA_ERR_INVALID_ARGUMENT', [name, expected, describeKey(actual)]);
}

/**
 * A limit as lru-cache has it: a whole number, and 0 for none.
 *
 * @param {string} name
 * @param {unknown} value
 * @returns {number}
 */
function limit(name, value) {
  if (value === undefined || value === null) return 0;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw invalid(name, 'a whole number, 0 or more', value);
}

/**
 * @param {CacheOptions} options
 * @returns {Declared}
 */
function declare(options) {
  const [max, maxSize, maxEntrySize, ttl] = limitNames.map((name) => limit(name, options[name]));
  const flags = flagNames.reduce((all, name, bit) => (options[name] ? all | (1 << bit) : all), 0);
  return [max || maxSize || ttl ? max : DEFAULT_MAX, maxSize, maxEntrySize, ttl, flags];
}

/**
 * The options that `declare` makes the same of, in as few words as can be: each message to the primary says them.
 *
 * @param {string} namespace
 * @param {Declared} declared
 * @returns {CacheOptions}
 */
function describe(namespace, [max, maxSize, maxEntrySize, ttl, flags]) {
  const limits = Object.entries({ max, maxSize, maxEntrySize, ttl }).filter(([, value]) => value !== 0);
  const on = flagNames.filter((_, bit) => (flags & (1 << bit)) !== 0).map((name) => [name, true]);
  return { namespace, ...Object.fromEntries([...limits, ...on]) };
}

/**
 * A limit of a living cache.
 *
 * @param {'max' | 'ttl'} name
 * @param {unknown} value
 */
function checkLimit(name, value) {
  if (value === null) throw invalid(name, 'a whole number, 0 or more', value);
  limit(name, value);
}

/** @param {unknown} value */
function checkFlag(value) {
  if (typeof value !== 'boolean') throw invalid('allowStale', 'true or false', value);
}

/** @param {CacheOptions} options */
function namespaceOf(options) {
  // A name alone, instead of options, would be a cache that everybody shares.
  if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options);
  const { namespace = 'default' } = options;
  if (typeof namespace !== 'string') throw invalid('namespace', 'a string', namespace);
  if (/\p{Surrogate}/u.test(namespace))
    throw invalid('namespace', 'a string without lone surrogates', namespace);
  return namespace;
}

/**
 * `timeout` and `failsafe` are about the IPC transport alone; a mistaken one is refused everywhere.
 *
 * @param {CacheOptions} options
 * @returns {{ timeout: number, failsafe: 'resolve' | 'reject' }}
 */
function readTransportOptions({ timeout = 100, failsafe = 'resolve' }) {
  if (typeof timeout !== 'number' || !(timeout >= 0)) {
    throw invalid('timeout', 'a number of milliseconds, 0 or more', timeout);
  }
  if (failsafe !== 'resolve' && failsafe !== 'reject') {
    throw invalid('failsafe', "'resolve' or 'reject'", failsafe);
  }
  return { timeout, failsafe };
}

/** @param {Declared} declared */
const purgesItself = (declared) => (declared[4] & TTL_AUTOPURGE) !== 0;

/** @param {Declared} declared */
const isBoundedBySize = (declared) => declared[1] > 0 || declared[2] > 0;

module.exports = {
  checkFlag,
  checkLimit,
  declare,
  describe,
  invalid,
  isBoundedBySize,
  namespaceOf,
  optionNames,
  purgesItself,
  readTransportOptions,
};
