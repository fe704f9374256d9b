/**
 * A namespace as this thread holds it: the number under which native code knows it, and what it was declared with.
 *
 * It is closed once nothing here uses it any more; the entries stay, they are the segment's. `destroy` removes them,
 * and the next use makes the namespace anew with the same declaration.
 */

/** @import { Declaration, Declared } from './options.js' */

const { brief, debug } = require('../base/debug.js');
const { createError } = require('../errors.js');
const { addon } = require('./native.js');
const { closeCopies, openCopies, tuning } = require('./copy-keeping.js');
const { isHeld } = require('./held.js');
const { LOCK_TIMEOUT, purgesItself } = require('./options.js');
const { Purger } = require('./purger.js');
const segment = require('./segment.js');

const tell = debug('lru-cache-clustered-primary');

/** @typedef {NonNullable<ReturnType<typeof openCopies>>} Copies */
/** What is this thread's own of an open namespace, and goes with it. @typedef {{ id: number, purger?: InstanceType<typeof Purger>, copies?: Copies }} Holdings */

/** @type {FinalizationRegistry<Holdings>} */
const closing = new FinalizationRegistry(({ id, purger, copies }) => {
  purger?.stop();
  closeCopies(copies);
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
    /** What it has, or had when it was last looked at. */
    this.declared = declared;
    this.purger = purgesItself(declared) ? new Purger(id) : undefined;
    /** @type {Copies | undefined} */
    this.copies = undefined;
    this.readsUntilCopies = tuning.readsBefore;
    /** How long a call waits for the lock, in milliseconds. */
    this.lockTimeout = LOCK_TIMEOUT;
    /** While calls wait for the lock: the end of the last of them. @type {Promise<void> | undefined} */
    this.waiting = undefined;
    /** @type {Holdings} */
    this.holdings = { id, purger: this.purger };
    if (id >= 0) closing.register(this, this.holdings);
  }

  /** Looks again at what it has: it may have been destroyed, and made anew by somebody who said something else. */
  look() {
    addon.cacheHealth(this.id);
    this.declared = addon.cacheDeclared(this.id);
  }

  /**
   * Native code has answered a read, and its memo is still there.
   *
   * @param {any} key
   * @param {any} value as native code gave it
   * @param {number} tag
   */
  wasRead(key, value, tag) {
    if (this.copies !== undefined) {
      if (this.copies.isOutdated()) this.leaveCopies();
      else this.copies.offer(key, value, tag);
    } else if (--this.readsUntilCopies === 0) {
      this.copies = this.holdings.copies = openCopies(this.id);
    }
  }

  /** The namespace is destroyed, or was and is made again: copies begin anew. */
  leaveCopies() {
    closeCopies(this.copies);
    this.copies = this.holdings.copies = undefined;
    this.readsUntilCopies = tuning.readsBefore;
  }
}

/** @typedef {Namespace} OpenNamespace */

/** @type {Declared} */
const NOTHING = [0, 0, 0, 0, 0];
const NO_ID = -1;

/** Stands for a namespace that could not be had: every use tries again, and says why where it still cannot. */
class Unreachable extends Namespace {
  /**
   * @param {string} name
   * @param {() => number} open
   */
  constructor(name, open) {
    super(name, NO_ID, NOTHING);
    Object.defineProperty(this, 'id', { configurable: true, get: () => this.#reach(open) });
  }

  /** @param {() => number} open */
  #reach(open) {
    const id = open();
    Object.defineProperty(this, 'id', { value: id });
    this.declared = addon.cacheDeclared(id);
    this.purger = purgesItself(this.declared) ? new Purger(id) : undefined;
    this.holdings = { id, purger: this.purger };
    closing.register(this, this.holdings);
    return id;
  }
}

/** @param {string} name @param {Declaration} declaration */
function open(name, { declared, leftOut }) {
  const known = tell && addon.segmentNamespaces().includes(name);
  const id = addon.cacheOpen(name, ...declared, leftOut);
  tell?.(
    known ? 'joined' : 'created',
    brief(name),
    `max=${declared[0]} maxSize=${declared[1]} ttl=${declared[3]}`,
  );
  return id;
}

/**
 * Makes the namespace, or joins it. An error that is not the caller's is kept for the first use: a constructor is no
 * place to learn that the primary cannot be reached. In a worker so is one that is: it learns of a conflict by
 * `healthCheck()`, by `getInstance()` and by each use, whichever way it reaches the cache.
 *
 * @param {string} name
 * @param {Declaration} declaration
 * @returns {Namespace}
 */
function openNamespace(name, declaration) {
  try {
    segment.connect();
    if (segment.isRemote()) throw createError('FLOTILLA_ERR_SYNC_UNAVAILABLE', []);
  } catch (error) {
    return new Unreachable(name, () => {
      throw error;
    });
  }
  try {
    const id = open(name, declaration);
    return new Namespace(name, id, addon.cacheDeclared(id));
  } catch (error) {
    if (!segment.isClusterWorker() && !isHeld(error)) throw error;
    return new Unreachable(name, () => open(name, declaration));
  }
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
