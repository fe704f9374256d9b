/**
 * What crosses the cluster channel for the cache: frames that survive JSON, since a channel may know nothing else.
 *
 * A list of values goes as it is where JSON gives it back exactly, else as the base64 of what `v8.serialize` writes.
 * What comes from a worker is looked at before it is used; a list that cannot be read throws.
 */

const v8 = require('node:v8');
const { version } = require('../base/loading.js');
const { survives } = require('./codec.js');

/** Another version of the library in this process has frames of its own. */
const KIND = `cache ${version}`;

/**
 * @param {any[]} list
 * @returns {{ list: any[] } | { bytes: string }}
 */
function pack(list) {
  return survives(list) ? { list } : { bytes: v8.serialize(list).toString('base64') };
}

/**
 * What a list says of its length may be a lie: an array with holes is short as text, and endless to go through.
 *
 * @param {unknown} list
 * @returns {list is any[]}
 */
const isDense = (list) =>
  Array.isArray(list) && (list.length < 1000 || Object.keys(list).length >= list.length);

/**
 * @param {{ list?: unknown, bytes?: unknown }} frame
 * @returns {any[]}
 */
function unpack({ list, bytes }) {
  const found = typeof bytes === 'string' ? v8.deserialize(Buffer.from(bytes, 'base64')) : list;
  if (!isDense(found)) throw new TypeError('a frame without a list of values');
  return found;
}

module.exports = { KIND, isDense, pack, unpack };
