/**
 * Keeps one instance of the library in a process: its caches, servers and scopes are the process's, and two
 * halves of a program that see different ones would share nothing.
 *
 * Node gives one instance to `import` and `require` alike as long as both end at one file. A second copy of
 * the package in `node_modules`, a bundler's copy, or a test runner that empties the module cache would make
 * a second: those find the first one here. Two versions are two libraries, and each has its own.
 */

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

module.exports = { oneInstance, theInstance, version };
