/**
 * A namespace as this thread holds it: the number under which native code knows it, and what it was declared with.
 *
 * It is closed once nothing here uses it any more; the entries stay, they are the segment's. `destroy` removes them,
 * and the next use makes the namespace anew with the same declaration.
 */

/** @import { Declared } from './options.js' */

const { createError } = require('../errors.js');
const { addon } = require('./native.js');
const { purgesItself } = require('./options.js');
const { Purger } = require('./purger.js');
const segment = require('./segment.js');

/** @type {FinalizationRegistry<{ id: number, purger?: InstanceType<typeof Purger> }>} */
const closing = new FinalizationRegistry(({ id, purger }) => {
  purger?.stop();
  addon.cacheClose(id);
});

class Namespace {
  /**
   * @param {string} name
   * @param {number} id
   * @param {Declared} declared
   */
  constructor(name, id, declared) {
    this.name = name;
    this.id = id;
    this.declared = declared;
    this.purger = purgesItself(declared) ? new Purger(id) : undefined;
    closing.register(this, { id, purger: this.purger });
  }
}

/** @typedef {Namespace} OpenNamespace */

/** Stands for a namespace that cannot be reached: every use says why. */
class Unreachable extends Namespace {
  /**
   * @param {string} name
   * @param {Declared} declared
   * @param {unknown} error
   */
  constructor(name, declared, error) {
    super(name, -1, declared);
    closing.unregister(this);
    Object.defineProperty(this, 'id', {
      get() {
        throw error;
      },
    });
  }
}

/**
 * Makes the namespace, or joins it. An error that is not the caller's is kept for the first use: a constructor is no
 * place to learn that the primary cannot be reached.
 *
 * @param {string} name
 * @param {Declared} declared
 * @returns {Namespace}
 */
function openNamespace(name, declared) {
  try {
    segment.connect();
    if (segment.isRemote()) throw createError('FLOTILLA_ERR_SYNC_UNAVAILABLE', []);
  } catch (error) {
    return new Unreachable(name, declared, error);
  }
  return new Namespace(name, addon.cacheOpen(name, ...declared), declared);
}

/**
 * @param {string} name
 * @returns {Namespace | undefined} nothing where it does not exist
 */
function lookupNamespace(name) {
  segment.connect();
  const id = addon.cacheLookup(name);
  return id === undefined ? undefined : new Namespace(name, id, addon.cacheDeclared(id));
}

module.exports = { Namespace, Unreachable, lookupNamespace, openNamespace };
