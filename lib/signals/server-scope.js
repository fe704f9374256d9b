/**
 * A server scope: the root scope of a server, and the tracked scopes of its requests.
 *
 * The addon decides which scopes live: it knows numbers and slots. Here are the scopes themselves, one a slot, and
 * that array is the only thing that holds a scope for the server: what has left it lives as long as the
 * request that works with it, and is then collected with its values.
 *
 * Invariants:
 * - `scopes[slot]` is a scope if and only if the addon has its number in that slot. It is set right before any
 *   callback runs, so callbacks may call back in here.
 * - A scope that leaves has its effects ended and is reported to `onEvict` exactly once. What a callback throws
 *   becomes a process warning: the fork that made room is another request's, and has no part in it.
 * - There are no timers: the expired leave at the next fork.
 */

/** @import * as Shape from './shapes.d.ts' */

const { countScopes } = require('../base/census.js');
const { createError } = require('../errors.js');
const { describe, invalidArgument, numeric } = require('../base/argument.js');
const { checkNames } = require('../base/option-names.js');
const { requireFunction } = require('./graph.js');
const { Scope } = require('./scope.js');
const { createScopeManager } = require('../native/loader.js');

/** @typedef {import('../../index.js').ServerScopeOptions} ServerScopeOptions */
/** @typedef {import('../native/addon.js').ScopeManager} ScopeManager */

const DEFAULT_TTL = 300_000;
const DEFAULT_MAX_ENTRIES = 10_000;
const ID_PREFIX = 'ss_';

/** The clock, unless a test has put its own in this one's place: then that is read, and passed to the addon. */
const realNow = performance.now;

/** An `onEvict` that forks at capacity evicts again, without end: this many forks are enough for any purpose. */
const FORKS_WITHIN_CALLBACKS = 10_000;

/** The ID asked for last is mostly the one that comes next: `dispose(scope.id)`. */
let lastId = '';
let lastNumber = -1;

class ManagedScope extends Scope {
  /**
   * @param {ServerScope} server
   * @param {number} number
   * @param {number} slot
   */
  constructor(server, number, slot) {
    super(server);
    this.number = number;
    this.slot = slot;
  }

  get server() {
    return /** @type {ServerScope} */ (this.parent);
  }

  get id() {
    lastId = ID_PREFIX + this.number;
    lastNumber = this.number;
    return lastId;
  }

  /** @override */
  get isTracked() {
    return true;
  }

  /** @override */
  get hasEnded() {
    return this.server.scopes[this.slot] !== this;
  }

  /** @override */
  holdEffects() {
    const holder = super.holdEffects();
    if (!holder.ended) this.server.holders.add(holder);
    return holder;
  }
}

class ServerScope extends Scope {
  /** @param {Required<Pick<ServerScopeOptions, 'ttl' | 'maxEntries'>> & ServerScopeOptions} options checked */
  constructor({ ttl, maxEntries, onEvict }) {
    super(null);
    /** @type {ScopeManager} */
    this.manager = createScopeManager(maxEntries, ttl, performance.now());
    /** @type {(ManagedScope | undefined)[]} */
    this.scopes = [];
    this.forked = 0;
    /** How many have left because they were told to, and not for age or want of room. */
    this.disposed = 0;
    this.onEvict = onEvict;
    /** @type {Set<Shape.EffectHolder>} those of living scopes */
    this.holders = new Set();
    /** @type {ManagedScope[]} scopes that have left and are still to be reported, while callbacks run */
    this.leaving = [];
    this.reporting = false;
    this.forkedWhileReporting = 0;
    /** @type {'alive' | 'ending' | 'destroyed'} */
    this.state = 'alive';
    countScopes(this);
  }

  /** @returns {number} how many scopes are tracked; 0 once destroyed */
  get size() {
    return this.manager.size();
  }

  /**
   * @override
   * @returns {ManagedScope}
   */
  fork() {
    if (this.state !== 'alive') throw createError('FLOTILLA_ERR_SCOPE_DESTROYED');
    if (this.reporting) this.countNestedFork();
    const answer = performance.now === realNow ? this.manager.fork() : this.manager.fork(performance.now());
    const slot = answer < 0 ? -1 - answer : answer;
    const scope = new ManagedScope(this, this.forked++, slot);
    const { scopes } = this;
    if (slot === scopes.length) {
      scopes.push(scope);
      if (answer >= 0) return scope;
    }
    const displaced = scopes[slot];
    scopes[slot] = scope;
    if (answer < 0) this.takeOut(this.manager.evicted());
    if (displaced !== undefined && displaced !== scope) this.leave(displaced);
    else if (answer < 0) this.report();
    return scope;
  }

  /**
   * @param {string} id
   * @returns {ManagedScope | undefined}
   */
  getScope(id) {
    this.requireUsable();
    const number = numberOf('getScope(id): id', id);
    const { manager } = this;
    const slot =
      performance.now === realNow ? manager.touch(number) : manager.touch(number, performance.now());
    return slot < 0 ? undefined : this.scopes[slot];
  }

  /**
   * @param {string} id
   * @returns {boolean}
   */
  dispose(id) {
    this.requireUsable();
    const slot = this.manager.remove(numberOf('dispose(id): id', id));
    if (slot < 0) return false;
    this.disposed += 1;
    const scope = this.scopes[slot];
    this.scopes[slot] = undefined;
    if (scope !== undefined) this.leave(scope);
    return true;
  }

  destroy() {
    this.requireUsable();
    if (this.state === 'ending') return;
    this.state = 'ending';
    this.disposed += this.size;
    this.takeOut(this.manager.clear());
    this.report();
    this.state = 'destroyed';
    warnOf(endEffectsOf(this), 'The cleanup of an effect');
  }

  /**
   * @override
   * @param {any} subscribable
   */
  get(subscribable) {
    this.requireUsable();
    return super.get(subscribable);
  }

  /**
   * @override
   * @param {any} signal
   * @param {any} value
   */
  set(signal, value) {
    this.requireUsable();
    super.set(signal, value);
  }

  /** @override */
  serialize() {
    this.requireUsable();
    return super.serialize();
  }

  /** @override */
  get isTracked() {
    return true;
  }

  /** @override */
  get hasEnded() {
    return this.state === 'destroyed';
  }

  /** @override */
  requireUsable() {
    if (this.state === 'destroyed') throw createError('FLOTILLA_ERR_SCOPE_DESTROYED');
  }

  /** @param {number[]} slots those that the addon has emptied */
  takeOut(slots) {
    for (const slot of slots) {
      const scope = this.scopes[slot];
      if (scope !== undefined) this.leaving.push(scope);
      this.scopes[slot] = undefined;
    }
  }

  /**
   * Ends a scope that has left, after those that left before it. Where there is nothing to do, the scope is not
   * even looked at: it has not been used for long, and is in no cache of the processor.
   *
   * @param {ManagedScope} scope
   */
  leave(scope) {
    if (this.onEvict === undefined && this.holders.size === 0) return;
    this.leaving.push(scope);
    this.report();
  }

  /** Ends what has left, and says so. Within a callback it only waits in line: the outermost call goes on. */
  report() {
    if (this.reporting) return;
    this.reporting = true;
    this.forkedWhileReporting = 0;
    while (this.leaving.length > 0) {
      const { leaving } = this;
      this.leaving = [];
      for (const scope of leaving) this.letGo(scope);
    }
    this.reporting = false;
  }

  /** @param {ManagedScope} scope */
  letGo(scope) {
    const holder = scope.extra?.holder;
    if (holder) {
      this.holders.delete(holder);
      warnOf(endEffectsOf(scope), 'The cleanup of an effect');
    }
    if (this.onEvict === undefined) return;
    try {
      this.onEvict(scope.id);
    } catch (error) {
      warnOf([error], 'onEvict');
    }
  }

  countNestedFork() {
    if (++this.forkedWhileReporting <= FORKS_WITHIN_CALLBACKS) return;
    throw createError('FLOTILLA_ERR_OUT_OF_RANGE', [
      'the number of forks made by onEvict in answer to one eviction',
      `at most ${FORKS_WITHIN_CALLBACKS}`,
      'without end, because each fork evicts another scope',
    ]);
  }
}

/** @param {Shape.Scope} scope */
function endEffectsOf(scope) {
  /** @type {unknown[]} */
  const errors = [];
  scope.endEffects(errors);
  return errors;
}

/**
 * @param {unknown[]} errors
 * @param {string} thrower
 */
function warnOf(errors, thrower) {
  for (const error of errors) {
    const detail = error instanceof Error ? error.stack : describe(error);
    process.emitWarning(`${thrower} threw while a scope was let go; the scope is gone all the same`, {
      type: 'FlotillaWarning',
      code: 'FLOTILLA_WARN_EVICTION',
      detail,
    });
  }
}

/**
 * The number in an ID. What no server scope can have made names nothing: -1.
 *
 * @param {string} name
 * @param {unknown} id
 */
function numberOf(name, id) {
  if (typeof id !== 'string') throw invalidArgument(name, 'a string', id);
  if (id === lastId) return lastNumber;
  const digits = id.length - ID_PREFIX.length;
  if (digits < 1 || digits > 15 || !id.startsWith(ID_PREFIX)) return -1;
  let number = 0;
  for (let at = ID_PREFIX.length; at < id.length; at++) {
    const digit = id.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  const padded = digits > 1 && id.charCodeAt(ID_PREFIX.length) === 48;
  return padded ? -1 : number;
}

/**
 * @param {string} option
 * @param {unknown} value
 * @param {(value: number) => boolean} isInRange
 * @param {string} expected
 * @returns {number}
 */
function readNumber(option, value, isInRange, expected) {
  const name = `createServerScope(options): options.${option}`;
  const number = numeric(value);
  if (typeof number !== 'number') throw invalidArgument(name, expected, value);
  if (!isInRange(number)) throw createError('FLOTILLA_ERR_OUT_OF_RANGE', [name, expected, String(value)]);
  return number;
}

/** @param {number} value */
const isPositive = (value) => value > 0 && Number.isFinite(value);

/** @param {number} value */
const isCount = (value) => value > 0 && Number.isSafeInteger(value);

/**
 * @param {ServerScopeOptions} [options]
 * @returns {ServerScope}
 */
function createServerScope(options = {}) {
  if (typeof options !== 'object' || options === null) {
    throw invalidArgument('createServerScope(options): options', 'an object', options);
  }
  checkNames('createServerScope', options, ['ttl', 'maxEntries', 'onEvict']);
  const { ttl = DEFAULT_TTL, maxEntries = DEFAULT_MAX_ENTRIES, onEvict } = options;
  if (onEvict !== undefined) requireFunction('createServerScope(options): options.onEvict', onEvict);
  return new ServerScope({
    ttl: readNumber('ttl', ttl, isPositive, 'a positive and finite number of milliseconds'),
    maxEntries: readNumber('maxEntries', maxEntries, isCount, 'a positive whole number'),
    onEvict,
  });
}

module.exports = { ManagedScope, ServerScope, createServerScope };
