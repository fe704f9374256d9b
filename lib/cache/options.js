/** The options of a cache and of its calls: what is allowed, what is the default, and what the addon is given. */

/** @import { CacheOptions, WriteOptions } from '../../index.js' */

const { createError } = require('../errors.js');
const { describeKey } = require('./codec.js');

/** @typedef {[max: number, maxSize: number, maxEntrySize: number, ttl: number, flags: number]} Declared */

const DEFAULT_MAX = 1000;
const flagNames = /** @type {const} */ ([
  'allowStale',
  'updateAgeOnGet',
  'updateAgeOnHas',
  'noDeleteOnStaleGet',
  'ttlAutopurge',
]);
const TTL_AUTOPURGE = 16;

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
  const [max, maxSize, maxEntrySize, ttl] = /** @type {const} */ ([
    'max',
    'maxSize',
    'maxEntrySize',
    'ttl',
  ]).map((name) => limit(name, options[name]));
  const flags = flagNames.reduce((all, name, bit) => (options[name] ? all | (1 << bit) : all), 0);
  return [max || maxSize || ttl ? max : DEFAULT_MAX, maxSize, maxEntrySize, ttl, flags];
}

/** @param {CacheOptions} options */
function namespaceOf({ namespace = 'default' }) {
  if (typeof namespace !== 'string') throw invalid('namespace', 'a string', namespace);
  if (/\p{Surrogate}/u.test(namespace))
    throw invalid('namespace', 'a string without lone surrogates', namespace);
  return namespace;
}

/**
 * `timeout` and `failsafe` are about the IPC transport alone; a mistaken one is refused everywhere.
 *
 * @param {CacheOptions} options
 */
function checkTransportOptions({ timeout = 100, failsafe = 'resolve' }) {
  if (typeof timeout !== 'number' || !(timeout >= 0)) {
    throw invalid('timeout', 'a number of milliseconds, 0 or more', timeout);
  }
  if (failsafe !== 'resolve' && failsafe !== 'reject') {
    throw invalid('failsafe', "'resolve' or 'reject'", failsafe);
  }
}

/** @param {Declared} declared */
const purgesItself = (declared) => (declared[4] & TTL_AUTOPURGE) !== 0;

/** @param {Declared} declared */
const isBoundedBySize = (declared) => declared[1] > 0 || declared[2] > 0;

/**
 * The check that the store makes of a size, for calls that must not begin before all of them are known to be right.
 *
 * @param {Declared} declared
 * @param {WriteOptions | undefined} options
 */
function checkWrite(declared, options) {
  const { size, ttl } = options ?? {};
  if (ttl !== undefined && typeof ttl !== 'number') throw invalid('ttl', 'a number of milliseconds', ttl);
  if (isBoundedBySize(declared)) {
    if (typeof size === 'number' && Number.isSafeInteger(size) && size > 0) return;
    throw createError('FLOTILLA_ERR_INVALID_SIZE', [
      `size must be a positive integer where the cache has maxSize or maxEntrySize; it is ${describeKey(size)}`,
    ]);
  }
  if (size) {
    throw createError('FLOTILLA_ERR_INVALID_SIZE', [
      'size must not be given where the cache has neither maxSize nor maxEntrySize',
    ]);
  }
}

/** @param {unknown} key */
function checkKey(key) {
  if (['string', 'number', 'boolean', 'bigint'].includes(typeof key)) return;
  throw invalid('key', 'a string, a number, a boolean or a bigint', key);
}

module.exports = {
  checkKey,
  checkTransportOptions,
  checkWrite,
  declare,
  invalid,
  isBoundedBySize,
  limit,
  namespaceOf,
  purgesItself,
};
