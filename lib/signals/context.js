/**
 * Which scope the running code belongs to: one `AsyncLocalStorage`, made when a scope is first entered.
 *
 * Until then `current.storage` is undefined and a read of a signal costs no look-up at all. The storage holds
 * the scope itself, so a scope lives as long as work that was started in it. A bundler for the browser takes
 * `context-browser.js` in this file's place (`imports` in package.json).
 */

/** @import * as Shape from './shapes.d.ts' */

/** @type {{ storage: Shape.ScopeStorage | undefined }} */
const current = { storage: undefined };

/** @returns {Shape.ScopeStorage} */
function openStorage() {
  if (current.storage === undefined) {
    const { AsyncLocalStorage } = require('node:async_hooks');
    current.storage = /** @type {Shape.ScopeStorage} */ (new AsyncLocalStorage());
  }
  return current.storage;
}

module.exports = { current, openStorage };
