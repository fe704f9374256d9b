/** The options of a cache: what is allowed, what is the default, and what the addon or the primary is given. */

/** @import { CacheOptions } from '../../index.js' */

const { numeric } = require('../base/argument.js');
const { checkFlagIfGiven, invalid } = require('./invalid.js');
const { loaderNames } = require('./loader-options.js');
const { constants } = require('./native.js');
const { checkNames } = require('./option-names.js');

/** @typedef {[max: number, maxSize: number, maxEntrySize: number, ttl: number, flags: number]} Declared */
/** What was said, and a bit for each option that was left out: limits, then flags. @typedef {{ declared: Declared, leftOut: number }} Declaration */

const DEFAULT_MAX = 1000;
const limitNames = /** @type {const} */ (['max', 'maxSize', 'maxEntrySize', 'ttl']);
const flagNames = /** @type {const} */ ([
  'allowStale',
  'updateAgeOnGet',
  'updateAgeOnHas',
  'noDeleteOnStaleGet',
  'ttlAutopurge',
]);
const { flags: flagBits, leftOut: leftOutBits } = constants;

/** For stores: the `max` of a cache that nobody has said one of. It conflicts with nothing, as what is left out does. */
const defaultMax = Symbol('defaultMax');

/** All that says what a cache is: nothing else of what a constructor is given is ever sent to the primary. */
const cacheNames = /** @type {const} */ (['namespace', ...limitNames, ...flagNames]);

/** All that a constructor takes. `localL1` asks for copies in each process, which are there anyway, and never outdated. */
const constructorNames = [
  ...cacheNames,
  'timeout',
  'failsafe',
  'lockTimeout',
  'localL1',
  'tier',
  ...loaderNames,
];

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

/** @param {unknown} value */
const isLeftOut = (value) => value === undefined || value === null;

/** Those of the names of which something is so. @param {Record<string, number>} all @param {(name: string) => boolean} isSo */
const bits = (all, isSo) =>
  Object.keys(all).reduce((/** @type {number} */ some, name) => (isSo(name) ? some | all[name] : some), 0);

/**
 * Each option is read once, and one that is left out conflicts with nothing.
 *
 * @param {CacheOptions} options
 * @returns {Declaration}
 */
function declare(options) {
  const given = /** @type {Record<typeof limitNames[number] | typeof flagNames[number], any>} */ (
    Object.fromEntries([...limitNames, ...flagNames].map((name) => [name, options[name]]))
  );
  const [max, maxSize, maxEntrySize, ttl] = limitNames.map((name) => limit(name, numeric(given[name])));
  for (const name of flagNames) checkFlagIfGiven(name, given[name] ?? undefined);
  const flags = bits(flagBits, (name) => given[/** @type {typeof flagNames[number]} */ (name)] === true);
  const leftOut = bits(leftOutBits, (name) => isLeftOut(given[/** @type {keyof typeof given} */ (name)]));
  if (max || maxSize || ttl) return { declared: [max, maxSize, maxEntrySize, ttl, flags], leftOut };
  const most = limit('max', /** @type {any} */ (options)[defaultMax]) || DEFAULT_MAX;
  return { declared: [most, maxSize, maxEntrySize, ttl, flags], leftOut: leftOut | leftOutBits.max };
}

/** Limits and flags by their names. @param {Declared} declared */
function named([max, maxSize, maxEntrySize, ttl, flags]) {
  const on = flagNames.map((name) => /** @type {const} */ ([name, (flags & flagBits[name]) !== 0]));
  return {
    max,
    maxSize,
    maxEntrySize,
    ttl,
    .../** @type {Record<typeof flagNames[number], boolean>} */ (Object.fromEntries(on)),
  };
}

/**
 * The options that `declare` makes the same of: each message to the primary says them.
 *
 * @param {string} namespace
 * @param {Declaration} declaration
 * @returns {CacheOptions & { defaultMax?: number }}
 */
function describe(namespace, { declared, leftOut }) {
  const said = Object.entries(named(declared)).filter(([name]) => (leftOut & leftOutBits[name]) === 0);
  const most = declared[0];
  const isDefault = (leftOut & leftOutBits.max) !== 0 && most !== 0 && most !== DEFAULT_MAX;
  return { namespace, ...Object.fromEntries(said), ...(isDefault && { defaultMax: most }) };
}

/** What a message says of a cache, in one form: only what is known of it counts. @param {any} described */
const nameOf = (described) =>
  JSON.stringify([...cacheNames, 'defaultMax'].map((name) => described[name] ?? null));

/** What `describe` said, as options again. @param {any} described @returns {CacheOptions} */
function optionsIn(described) {
  const said = cacheNames.map((name) => [name, described[name]]);
  return { ...Object.fromEntries(said), [defaultMax]: described.defaultMax };
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

/** @param {CacheOptions} options */
function namespaceOf(options) {
  // A name alone, instead of options, would be a cache that everybody shares.
  if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options);
  checkNames('LRUCacheClustered', options, constructorNames);
  const { namespace = 'default', localL1 } = options;
  if (localL1 !== undefined && (typeof localL1 !== 'object' || localL1 === null)) {
    throw invalid('localL1', 'an object', localL1);
  }
  if (typeof namespace !== 'string') throw invalid('namespace', 'a string', namespace);
  if (/\p{Surrogate}/u.test(namespace))
    throw invalid('namespace', 'a string without lone surrogates', namespace);
  return namespace;
}

/**
 * `timeout` and `failsafe` are about the IPC transport alone, `lockTimeout` about shared memory; a mistaken one is refused
 * everywhere.
 *
 * @param {CacheOptions} options
 * @returns {{ timeout: number, failsafe: 'resolve' | 'reject', lockTimeout: number }}
 */
function readTransportOptions({ timeout = 100, failsafe = 'resolve', lockTimeout = LOCK_TIMEOUT }) {
  const times = { timeout: milliseconds('timeout', timeout), lockTimeout: 0 };
  if (failsafe !== 'resolve' && failsafe !== 'reject') {
    throw invalid('failsafe', "'resolve' or 'reject'", failsafe);
  }
  times.lockTimeout = milliseconds('lockTimeout', lockTimeout);
  return { ...times, failsafe };
}

/** @param {string} name @param {unknown} value @returns {number} */
function milliseconds(name, value) {
  const number = numeric(value);
  if (typeof number === 'number' && number >= 0) return number;
  throw invalid(name, 'a number of milliseconds, 0 or more', value);
}

/** How long a call waits for a lock that another process keeps. */
const LOCK_TIMEOUT = 250;

/** @param {Declared} declared */
const purgesItself = (declared) => (declared[4] & flagBits.ttlAutopurge) !== 0;

/** @param {Declared} declared */
const isBoundedBySize = (declared) => declared[1] > 0 || declared[2] > 0;

module.exports = {
  LOCK_TIMEOUT,
  checkLimit,
  declare,
  defaultMax,
  describe,
  isBoundedBySize,
  named,
  nameOf,
  namespaceOf,
  optionsIn,
  purgesItself,
  readTransportOptions,
};
