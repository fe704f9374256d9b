/**
 * The browser's version of `context.js`: a browser has one user and no `AsyncLocalStorage`, so the scope is
 * known for the synchronous part of `runInScope` alone. Code after an `await` names its scope: `scope.get(s)`.
 */

/** @import * as Shape from './shapes.d.ts' */

/** @type {Shape.Scope | undefined} */
let entered;

/** @type {Shape.ScopeStorage} */
const synchronous = {
  getStore: () => entered,
  run(scope, fn) {
    const outer = entered;
    entered = scope;
    try {
      return fn();
    } finally {
      entered = outer;
    }
  },
};

/** @type {{ storage: Shape.ScopeStorage | undefined }} */
const current = { storage: undefined };

function openStorage() {
  current.storage = synchronous;
  return synchronous;
}

module.exports = { current, openStorage };
