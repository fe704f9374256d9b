/**
 * Keeps one instance of the library in a process: its caches, servers and scopes are the process's, and two
 * halves of a program that see different ones would share nothing.
 *
 * Node gives one instance to `import` and `require` alike as long as both end at one file. A second copy of
 * the package in `node_modules`, a bundler's copy, or a test runner that empties the module cache would make
 * a second: those find the first one here. Two versions are two libraries, and each has its own.
 */

const { version } = require('../../package.json');

const key = Symbol.for(`flotilla@${version}`);
const shared = /** @type {Record<symbol, unknown>} */ (/** @type {unknown} */ (globalThis));

/**
 * @template {object} T
 * @param {() => T} make
 * @returns {T}
 */
function oneInstance(make) {
  shared[key] ??= make();
  return /** @type {T} */ (shared[key]);
}

/**
 * The one instance, for those below it. It is there: every entry point has made it.
 *
 * @returns {typeof import('../../index.js')}
 */
const theInstance = () => /** @type {any} */ (shared[key]);

module.exports = { oneInstance, theInstance };
