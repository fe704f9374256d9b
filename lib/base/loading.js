/**
 * How the library is loaded: once in a process, and each part when it is first asked for, so that a program loads what it
 * uses.
 *
 * Its caches, servers and scopes are the process's, and two halves of a program that see different ones would share
 * nothing. Node gives one instance to `import` and `require` alike as long as both end at one file. A second copy of
 * the package in `node_modules`, a bundler's copy, or a test runner that empties the module cache would make
 * a second: those find the first one here. Two versions are two libraries, and each has its own.
 */

const path = require('node:path');

/** That of the package: `npm run generate` writes it here, so that a program that starts need not read `package.json` for it. */
const version = '0.1.0';

const shared = /** @type {Record<symbol, unknown>} */ (/** @type {unknown} */ (globalThis));

/** @param {string} part */
const keyOf = (part) => Symbol.for(`flotilla@${version}${part}`);
const key = keyOf('');

/**
 * @template {object} T
 * @param {() => T} make
 * @param {string} [part] of the library, that there is one of by itself
 * @returns {T}
 */
function oneInstance(make, part = '') {
  shared[keyOf(part)] ??= make();
  return /** @type {T} */ (shared[keyOf(part)]);
}

/**
 * The one instance, for those below it. It is there: every entry point has made it.
 *
 * @returns {typeof import('../../index.js')}
 */
const theInstance = () => /** @type {any} */ (shared[key]);

const lib = path.dirname(__dirname) + path.sep;
/** The modules that are loaded, by their files. @type {Map<string, NodeModule>} */
const loaded = oneInstance(() => new Map(), ' modules');

/**
 * Loads, so that whoever has emptied the module cache meanwhile, as test runners do, gets no second set of modules by that:
 * those of this library that are loaded already are found by those that follow.
 *
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
 * @param {() => void} before what is to be done before any of them is loaded; it may be done again
 * @param {T} loaders by the name of what they give
 * @returns {{ [K in keyof T]: ReturnType<T[K]> }}
 */
function lazily(before, loaders) {
  const object = {};
  for (const [name, load] of Object.entries(loaders)) {
    const shown = { enumerable: true, configurable: true };
    const settle = (/** @type {unknown} */ value) => {
      Object.defineProperty(object, name, { ...shown, value, writable: true });
      return value;
    };
    const loadIt = () => {
      before();
      return load();
    };
    const get = () => settle(amongLoaded(loadIt));
    Object.defineProperty(object, name, { ...shown, get, set: settle });
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
  lazily(
    () => {},
    Object.fromEntries(names.map((name) => [name, () => whole[/** @type {keyof T} */ (name)]])),
  );

module.exports = { amongLoaded, later, lazily, oneInstance, partOf, theInstance, version };
