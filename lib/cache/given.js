/**
 * What calls are given, looked at before anything is done: in one order and with one set of words on both transports,
 * so that a mistake has the same answer wherever it is made.
 *
 * Each part of what a caller gives is read once: a getter may answer otherwise the second time. What native code does
 * not take, or what could not be sent to the primary, is refused here.
 */

/** @import { Entry, FetchOptions, Fetcher, WriteOptions } from '../../index.js' */
/** @import { OpenNamespace } from './namespace.js' */
/** @import { Declared } from './options.js' */
/** @import { Loading } from './loader-options.js' */

const { createError } = require('../errors.js');
const { checkSize, checkStart, checkTtl, readTags, readWrite } = require('./call-options.js');
const { encode } = require('./codec.js');
const { describeKey, invalid } = require('./invalid.js');
const { readLoading } = require('./loader-options.js');
const { isBoundedBySize } = require('./options.js');

const DUMPED = '[key, { value }], as dump() gives them';

/** @typedef {[tag: number | undefined, payload: any]} Encoded what native code stores: the value itself has no tag */
/** @typedef {{ key: any, value: any, encoded: Encoded, ttl?: number, size?: number, start?: number, tags?: readonly string[], version?: string, grace?: number, delta?: number }} Given an entry to be stored */

/** @param {unknown} value @returns {boolean} whether native code reads it by itself */
const isPlain = (value) =>
  typeof value !== 'object' &&
  typeof value !== 'function' &&
  typeof value !== 'symbol' &&
  typeof value !== 'undefined';

/** @param {any} value @param {any} key @returns {Encoded} */
const encoded = (value, key) => (isPlain(value) ? [undefined, value] : encode(value, key));

/** @param {unknown} key */
function describeRefused(key) {
  if (key === undefined || key === null) return String(key);
  if (typeof key !== 'object') return `a ${typeof key}, which no other process could name`;
  return 'an object, which no other process could name: use a string made from it';
}

/** As native code has it. @param {unknown} key */
function checkKey(key) {
  if (isPlain(key)) return;
  const expected = 'a string, a number, a boolean or a bigint';
  throw createError('FLOTILLA_ERR_INVALID_ARGUMENT', ['key', expected, describeRefused(key)]);
}

/** A time beside an entry in a dump. @param {string} name @param {unknown} time */
function checkTime(name, time) {
  if (time !== undefined && !(typeof time === 'number' && time >= 0)) {
    throw invalid(name, 'a number of milliseconds that is not negative', time);
  }
}

/** @param {unknown} amount */
function checkAmount(amount) {
  if (typeof amount !== 'number' || !Number.isFinite(amount)) {
    throw invalid('amount', 'a finite number', amount);
  }
}

/**
 * What a fetched value is to bear, by names or by a function of it.
 *
 * @param {FetchOptions['tags']} tags
 * @param {unknown} value
 */
const tagsOf = (tags, value) => readTags(typeof tags === 'function' ? tags(value) : tags);

/** @param {unknown} version @returns {string | undefined} */
function readVersion(version) {
  if (version === undefined || version === null) return undefined;
  if (typeof version === 'string' && /^[0-9a-f]{16}$/.test(version)) return version;
  throw invalid('version', 'one that getWithVersion gave, or undefined where nothing was there', version);
}

/** @param {any} key @param {number} retries */
const conflict = (key, retries) =>
  createError('FLOTILLA_ERR_UPDATE_CONFLICT', [describeKey(key), String(retries + 1)]);

/** @param {Declared} declared @param {number | undefined} size */
function sizeFits(declared, size) {
  return isBoundedBySize(declared) ? size !== undefined && Number.isInteger(size) && size > 0 : !size;
}

/**
 * The check that the store makes of a size, in its words, for calls that must not begin before all sizes are right.
 *
 * @param {OpenNamespace | undefined} namespace nothing where the primary makes the check, which alone knows what it has
 * @param {number | undefined} size
 */
function checkCounted(namespace, size) {
  if (namespace === undefined || sizeFits(namespace.declared, size)) return;
  namespace.look();
  if (sizeFits(namespace.declared, size)) return;
  throw createError('FLOTILLA_ERR_INVALID_SIZE', [
    isBoundedBySize(namespace.declared)
      ? 'this cache counts sizes (maxSize or maxEntrySize is set): every write needs `size`, a positive integer'
      : '`size` was given, but this cache counts no sizes: set maxSize or maxEntrySize, or leave it out',
  ]);
}

/**
 * @template T
 * @param {string} name
 * @param {Iterable<T>} list
 * @returns {T[]}
 */
function readList(name, list) {
  if (typeof list?.[Symbol.iterator] !== 'function') throw invalid(name, 'iterable', list);
  return Array.from(list);
}

/** @param {Iterable<any>} keys */
function readKeys(keys) {
  const all = readList('keys', keys);
  all.forEach(checkKey);
  return all;
}

/** @param {any} pair @param {string} [expected] */
function checkPair(pair, expected = '[key, value] or [key, value, options]') {
  if (typeof pair !== 'object' || typeof pair?.[Symbol.iterator] !== 'function') {
    throw invalid('each entry', expected, pair);
  }
}

/**
 * @param {OpenNamespace | undefined} namespace
 * @param {Iterable<readonly [any, any] | readonly [any, any, WriteOptions]>} entries
 * @param {WriteOptions} [options] for entries that say nothing themselves
 * @returns {Given[]}
 */
function readEntries(namespace, entries, options) {
  const common = readWrite('mSet', options);
  return readList('entries', entries).map((pair) => {
    checkPair(pair);
    const [key, value, own] = pair;
    const { ttl = common.ttl, size = common.size, tags = common.tags } = readWrite('mSet', own);
    checkKey(key);
    checkCounted(namespace, size);
    return { key, value, encoded: encoded(value, key), ttl, size, tags };
  });
}

/**
 * @param {OpenNamespace | undefined} namespace
 * @param {Iterable<readonly [any, Entry<any>]>} dumped
 * @returns {Given[]}
 */
function readDump(namespace, dumped) {
  return readList('entries', dumped).map((pair) => {
    checkPair(pair, DUMPED);
    const [key, entry] = pair;
    if (typeof entry !== 'object' || entry === null) throw invalid('each entry', DUMPED, pair);
    const { value, ttl, start, size, tags, version, grace, delta } = entry;
    checkTtl(ttl);
    checkSize(size);
    // Without one, or with what JSON makes of NaN, it begins now; so lru-cache has it.
    if (start) checkStart(start);
    checkKey(key);
    checkCounted(namespace, size);
    checkTime('grace', grace);
    checkTime('delta', delta);
    const known = { tags: readTags(tags), version: readVersion(version), grace, delta };
    return { key, value, encoded: encoded(value, key), ttl, size, start: start || undefined, ...known };
  });
}

/**
 * Before the fetcher runs, for its work would be for nothing.
 *
 * @param {OpenNamespace | undefined} namespace
 * @param {Fetcher<any>} fetcher
 * @param {FetchOptions | null | undefined} options
 * @param {Readonly<Loading>} defaults
 * @param {'fetch' | 'memoize'} [what] takes the options
 * @returns {Readonly<Loading>}
 */
function readFetch(namespace, fetcher, options, defaults, what = 'fetch') {
  if (typeof fetcher !== 'function') throw invalid('fetcher', 'a function', fetcher);
  const how = readLoading(defaults, options, what);
  if (typeof how.tags !== 'function') readTags(how.tags);
  checkTtl(how.ttl);
  checkSize(how.size);
  checkCounted(namespace, how.size);
  return how;
}

module.exports = {
  checkAmount,
  checkCounted,
  checkKey,
  checkPair,
  conflict,
  encoded,
  isPlain,
  readDump,
  readEntries,
  readFetch,
  readKeys,
  readList,
  readVersion,
  tagsOf,
};
