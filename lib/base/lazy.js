/**
 * Objects whose values are loaded when they are first asked for, so that a program loads what it uses.
 *
 * Whoever empties the module cache meanwhile, as test runners do, gets no second set of modules by that: those of this
 * library that are loaded already are found by those that follow.
 */

const path = require('node:path');
const { oneInstance } = require('./instance.js');

const lib = path.dirname(__dirname) + path.sep;
/** The modules that are loaded, by their files. @type {Map<string, NodeModule>} */
const loaded = oneInstance(() => new Map(), ' modules');

/**
 * @template T
 * @param {() => T} load
 * @returns {T}
 */
function amongLoaded(load) {
  // A bundler's modules are not Node's.
  const cache = require.cache ?? {};
  for (const [file, module] of loaded) cache[file] ??= module;
  try {
    return load();
  } finally {
    for (const [file, module] of Object.entries(cache)) {
      if (module && file.startsWith(lib)) loaded.set(file, module);
    }
  }
}

/**
 * For modules that are loaded at once: what they need but seldom, loaded when they do.
 *
 * @template {object} T
 * @param {() => T} load
 * @returns {() => T}
 */
function later(load) {
  /** @type {T | undefined} */
  let there;
  return () => {
    there ??= amongLoaded(load);
    return there;
  };
}

/**
 * @template {Record<string, () => any>} T
 * @param {T} loaders by the name of what they give
 * @returns {{ [K in keyof T]: ReturnType<T[K]> }}
 */
function lazily(loaders) {
  const object = {};
  for (const [name, load] of Object.entries(loaders)) {
    const shown = { enumerable: true, configurable: true };
    const settle = (/** @type {unknown} */ value) => {
      Object.defineProperty(object, name, { ...shown, value, writable: true });
      return value;
    };
    Object.defineProperty(object, name, { ...shown, get: () => settle(amongLoaded(load)), set: settle });
  }
  return /** @type {any} */ (object);
}

/**
 * A part of an object of this kind as one of its own, which loads nothing before it is asked for it.
 *
 * @template {object} T
 * @param {T} whole
 * @param {(keyof T | '__esModule')[]} names
 * @returns {any}
 */
const partOf = (whole, names) =>
  lazily(Object.fromEntries(names.map((name) => [name, () => whole[/** @type {keyof T} */ (name)]])));

module.exports = { amongLoaded, later, lazily, partOf };
