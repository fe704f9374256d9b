/**
 * `express`: `ultimate-express` where that is installed, else `express`, looked for when it is first used.
 *
 * Both are optional, and most of Flotilla works without either: a program that never uses this export must
 * not have to install one, nor wait for one to load. So the export is a stand-in that becomes the real thing
 * at the first touch.
 */

const { createError } = require('../errors.js');
const { absent } = require('./peer.js');

/**
 * Each is required by its name, so that bundlers find it, and within a `try`, so that they do not miss the other.
 *
 * @type {(() => any)[]} each brings what a package exports, or nothing where it is not installed
 */
const candidates = [
  () => {
    try {
      // @ts-ignore -- an optional peer that may not be installed
      return require('ultimate-express');
    } catch (error) {
      return absent('ultimate-express', error);
    }
  },
  () => {
    try {
      return require('express');
    } catch (error) {
      return absent('express', error);
    }
  },
];

/** @type {any} */
let found;

function express() {
  for (const candidate of candidates) found ??= candidate();
  if (!found) throw createError('FLOTILLA_ERR_EXPRESS_MISSING');
  return found;
}

// An old-style function: it can be called and constructed, and it owns a `prototype`, as express does; the
// rules of proxies forbid the stand-in to hide or to invent such a property.
const target = function express() {};

/** @type {any} */
const standIn = new Proxy(target, {
  apply: (_, self, args) => Reflect.apply(express(), self, args),
  construct: (_, args) => Reflect.construct(express(), args),
  get: (_, key) => Reflect.get(express(), key),
  set: (_, key, value) => Reflect.set(express(), key, value),
  has: (_, key) => Reflect.has(express(), key),
  ownKeys: () => [...new Set([...Reflect.ownKeys(target), ...Reflect.ownKeys(express())])],
  getOwnPropertyDescriptor(_, key) {
    const fixed = Reflect.getOwnPropertyDescriptor(target, key);
    if (fixed && !fixed.configurable) return fixed;
    const property = Reflect.getOwnPropertyDescriptor(express(), key);
    return property && { ...property, configurable: true };
  },
});

module.exports = standIn;
