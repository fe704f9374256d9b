/**
 * What calls take beside keys and values: read and checked before anything is done. A call without options costs nothing
 * here. A name that is not known is refused with the nearest one, and `null` stands for no options at all.
 */

/** @import { ReadOptions, SyncGetOptions, SyncHasOptions, SyncPeekOptions, SyncSetOptions, TouchOptions, UpdateOptions, WriteOptions } from '../../index.js' */

const { createError } = require('../errors.js');
const { checkFlagIfGiven, invalid } = require('./invalid.js');
const { constants } = require('./native.js');
const { checkNames } = require('./option-names.js');

const { MOST: MOST_TAGS, LONGEST: LONGEST_TAG } = constants.tags;
const MOST_RETRIES = 32;

const readNames = ['bypassL1'];
const writeNames = ['ttl', 'size', 'tags'];
const updateNames = [...writeNames, 'retries'];
/** Nothing is disposed of here, so `noDisposeOnSet` holds whatever it says. */
const syncSetNames = [...writeNames, 'start', 'noUpdateTTL', 'noDisposeOnSet'];
const syncGetNames = ['allowStale', 'updateAgeOnGet', 'noDeleteOnStaleGet'];
const syncHasNames = ['updateAgeOnHas'];
const syncPeekNames = ['allowStale'];
const touchNames = ['ttl'];

/** @type {Readonly<Record<string, undefined>>} */
const NOTHING = Object.freeze({});

/**
 * @template {object} T
 * @param {string} what takes them
 * @param {T | null | undefined} options
 * @param {readonly string[]} known
 * @returns {T | typeof NOTHING}
 */
function named(what, options, known) {
  if (options === undefined || options === null) return NOTHING;
  if (typeof options !== 'object') throw invalid('options', 'an object', options);
  checkNames(what, options, known);
  return options;
}

/** @param {unknown} ttl */
function checkTtl(ttl) {
  if (ttl !== undefined && typeof ttl !== 'number') throw invalid('ttl', 'a number of milliseconds', ttl);
}

/** @param {unknown} size */
function checkSize(size) {
  if (size !== undefined && typeof size !== 'number') throw invalid('size', 'a number', size);
}

/** @param {unknown} start */
function checkStart(start) {
  if (start !== undefined && typeof start !== 'number') {
    throw invalid('start', 'a number of milliseconds, as Date.now() gives it', start);
  }
}

/** @param {unknown} tag */
function checkTag(tag) {
  if (typeof tag !== 'string') throw invalid('each tag', 'a string', tag);
  if (tag.length === 0 || tag.length > LONGEST_TAG) {
    const expected = `a string of 1 to ${LONGEST_TAG} characters`;
    throw createError('FLOTILLA_ERR_INVALID_ARGUMENT', ['each tag', expected, `one of ${tag.length}`]);
  }
  if (/\p{Surrogate}/u.test(tag)) throw invalid('each tag', 'a string without lone surrogates', tag);
}

/** @param {readonly string[]} tags @returns {string[]} each once */
function readTagNames(tags) {
  if (!Array.isArray(tags)) throw invalid('tags', 'an array of strings', tags);
  const all = [...new Set(tags)];
  all.forEach(checkTag);
  return all;
}

/** What an entry is to bear. @param {readonly string[]} [tags] @returns {string[] | undefined} */
function readTags(tags) {
  if (tags === undefined) return undefined;
  if (Array.isArray(tags) && tags.length > MOST_TAGS) {
    throw invalid('the number of tags', `at most ${MOST_TAGS}`, tags.length);
  }
  const names = readTagNames(tags);
  return names.length === 0 ? undefined : names;
}

/** @param {WriteOptions} options whose names were looked at @returns {WriteOptions} */
function writeIn({ ttl, size, tags }) {
  checkTtl(ttl);
  checkSize(size);
  return { ttl, size, tags: readTags(tags) };
}

/** @param {string} what @param {WriteOptions | null} [options] @returns {WriteOptions} */
function readWrite(what, options) {
  const given = named(what, options, writeNames);
  return given === NOTHING ? NOTHING : writeIn(given);
}

/** As `lru-cache` has it: an entry may say when its lifetime began. @param {SyncSetOptions & { noUpdateTTL?: boolean } | null} [options] */
function readSyncSet(options) {
  const given = named('sync.set', options, syncSetNames);
  const { start, noUpdateTTL } = given;
  checkStart(start);
  checkFlagIfGiven('noUpdateTTL', noUpdateTTL);
  return { ...writeIn(given), start, noUpdateTTL };
}

/** @param {SyncGetOptions | null} options */
function readSyncGet(options) {
  const { allowStale, updateAgeOnGet, noDeleteOnStaleGet } = named('sync.get', options, syncGetNames);
  checkFlagIfGiven('allowStale', allowStale);
  checkFlagIfGiven('updateAgeOnGet', updateAgeOnGet);
  checkFlagIfGiven('noDeleteOnStaleGet', noDeleteOnStaleGet);
  return { allowStale, updateAgeOnGet, noDeleteOnStaleGet };
}

/** @param {SyncHasOptions | null} [options] */
function readSyncHas(options) {
  const { updateAgeOnHas } = named('sync.has', options, syncHasNames);
  checkFlagIfGiven('updateAgeOnHas', updateAgeOnHas);
  return updateAgeOnHas;
}

/** @param {SyncPeekOptions | null} [options] */
function readSyncPeek(options) {
  const { allowStale } = named('sync.peek', options, syncPeekNames);
  checkFlagIfGiven('allowStale', allowStale);
  return allowStale;
}

/** Reads take one option, which asks for nothing that is not so. @param {string} what @param {ReadOptions | null} [options] */
function checkRead(what, options) {
  checkFlagIfGiven('bypassL1', named(what, options, readNames).bypassL1);
}

/** @param {TouchOptions | null} [options] */
function readTouch(options) {
  const { ttl } = named('touch', options, touchNames);
  checkTtl(ttl);
  return ttl;
}

/** @param {(value: any) => any} fn @param {UpdateOptions | null} [options] */
function readUpdate(fn, options) {
  if (typeof fn !== 'function') throw invalid('fn', 'a function', fn);
  const given = named('update', options, updateNames);
  const { retries = MOST_RETRIES } = given;
  if (!Number.isSafeInteger(retries) || retries < 0) {
    throw invalid('retries', 'a whole number, 0 or more', retries);
  }
  return { retries, write: writeIn(given) };
}

module.exports = {
  checkRead,
  checkSize,
  checkStart,
  checkTtl,
  named,
  readSyncGet,
  readSyncHas,
  readSyncPeek,
  readSyncSet,
  readTagNames,
  readTags,
  readTouch,
  readUpdate,
  readWrite,
};
