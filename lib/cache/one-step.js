/**
 * Operations that look and change in one step, for all processes, and the invalidation of tags: without promises, as
 * those in `operations.js`. Nothing is changed by a call that throws.
 */

/** @import { UpdateOptions, WriteOptions } from '../../index.js' */
/** @import { OpenNamespace } from './namespace.js' */

const { readTagNames, readUpdate, readWrite } = require('./call-options.js');
const given = require('./given.js');
const { addon, left, reply } = require('./native.js');
const { decoded, restored } = require('./operations.js');

/**
 * @param {OpenNamespace} namespace
 * @param {any} key
 */
function take(namespace, key) {
  const found = addon.cacheTake(namespace.id, key);
  return reply[0] === 0 ? found : decoded(found);
}

/**
 * @param {OpenNamespace} namespace
 * @param {any} key
 * @returns {{ value: any, version: string } | undefined}
 */
function getWithVersion(namespace, key) {
  const found = addon.cacheGetWithVersion(namespace.id, key);
  return found && { value: restored(found[0], found[1]), version: found[2] };
}

/**
 * @param {OpenNamespace} namespace
 * @param {any} key
 * @param {any} value
 * @param {string} [version] none for a key that was not there
 * @param {WriteOptions} [options]
 * @returns {boolean}
 */
function setIfVersion(namespace, key, value, version, options) {
  const { ttl, size, tags } = readWrite('setIfVersion', options);
  const stands = given.readVersion(version);
  const [tag, payload] = given.encoded(value, key);
  const stored = addon.cacheSetIfVersion(namespace.id, key, payload, tag, stands, ttl, size, tags);
  namespace.purger?.arm();
  return stored;
}

/**
 * @param {OpenNamespace} namespace
 * @param {any} key
 * @param {number} [amount]
 * @param {WriteOptions} [options]
 * @returns {{ value: number, ttl: number }} with what is left of its lifetime, in whole milliseconds
 */
function incrWithTtl(namespace, key, amount = 1, options = undefined) {
  const { ttl, size, tags } = readWrite('incrWithTtl', options);
  return count(namespace, key, amount, ttl, size, tags);
}

/**
 * The same, with what was looked at already.
 *
 * @param {OpenNamespace} namespace
 * @param {any} key
 * @param {number} amount
 * @param {number} [ttl]
 * @param {number} [size]
 * @param {readonly string[]} [tags]
 */
function count(namespace, key, amount, ttl, size, tags) {
  given.checkAmount(amount);
  const value = addon.cacheIncrWithTtl(namespace.id, key, amount, ttl, size, tags);
  const time = Math.max(0, Math.ceil(left[0]));
  namespace.purger?.arm();
  return { value, ttl: time };
}

/**
 * @param {OpenNamespace} namespace
 * @param {readonly string[]} tags
 */
function invalidateTags(namespace, tags) {
  addon.cacheInvalidateTags(namespace.id, readTagNames(tags));
}

/**
 * @param {OpenNamespace} namespace
 * @param {any} key
 * @param {(value: any) => any} fn
 * @param {UpdateOptions} [options]
 */
function update(namespace, key, fn, options) {
  const { retries, write } = readUpdate(fn, options);
  for (let tried = 0; tried <= retries; tried++) {
    const seen = getWithVersion(namespace, key);
    const value = fn(seen?.value);
    if (value === undefined) return seen?.value;
    if (setIfVersion(namespace, key, value, seen?.version, write)) return value;
  }
  throw given.conflict(key, retries);
}

module.exports = { count, getWithVersion, incrWithTtl, invalidateTags, setIfVersion, take, update };
