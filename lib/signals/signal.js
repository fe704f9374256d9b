/**
 * The two public kinds of value: a signal, which is written, and a computed, which is derived.
 *
 * Each is itself the node of the global view. Inside a scope a call is passed on to the scope, which has nodes
 * of its own for the same signal: a write in a scope never reaches the global value.
 *
 * A signal's key is what it is called in serialized data: the `key` option, or `$` and its place in the order
 * in which signals without a key were made. Two living signals cannot have the same key.
 */

const { createError } = require('../errors.js');
const { current } = require('#scope-storage');
const { Derived } = require('./derived.js');
const { invalidArgument } = require('../base/argument.js');
const { checkNames } = require('../base/option-names.js');
const { Source, graph, requireFunction, settle, track, untracked, write } = require('./graph.js');
const { startReaction } = require('./reaction.js');

/** @typedef {import('../../index.js').SignalOptions<any>} SignalOptions */
/** @typedef {{ write(value: any): unknown, read(json: any): any }} Format */

/** How a key by creation order looks: no explicit key may look like it. */
const ORDER_KEY = /^\$\d+$/;

const signalNames = ['equals', 'key', 'serialize'];
const computedNames = ['equals'];

let unnamed = 0;

/** @type {Map<string, WeakRef<Signal>>} */
const named = new Map();

/** @type {FinalizationRegistry<string>} */
const collected = new FinalizationRegistry((key) => {
  if (named.get(key)?.deref() === undefined) named.delete(key);
});

class Signal extends Source {
  /**
   * @param {any} initial
   * @param {SignalOptions} [options]
   */
  constructor(initial, options) {
    super(initial);
    /** @type {((a: any, b: any) => boolean) | undefined} */
    this.equals = undefined;
    /** @type {Format | false | undefined} */
    this.format = undefined;
    /** @type {string | number} */
    this.name = 0;
    if (options === undefined) this.name = unnamed++;
    else readOptions(this, options);
  }

  get() {
    if (current.storage !== undefined) {
      const scope = current.storage.getStore();
      if (scope !== undefined) return scope.readSignal(this);
    }
    if (graph.observer !== null) {
      if (this.unsettled) settle(this);
      track(this, graph.observer);
    }
    return this.value;
  }

  /** @param {any} value */
  set(value) {
    if (current.storage !== undefined) {
      const scope = current.storage.getStore();
      if (scope !== undefined) {
        scope.writeSignal(this, value);
        return;
      }
    }
    if (!this.isEqual(this.value, value)) write(this, value);
  }

  /** @param {(value: any) => any} fn */
  update(fn) {
    requireFunction('signal.update(fn): fn', fn);
    this.set(fn(untracked(() => this.get())));
  }

  /** @param {(value: any) => void} callback */
  subscribe(callback) {
    return subscribe(this, callback);
  }

  /**
   * @param {any} a
   * @param {any} b
   * @returns {boolean}
   */
  isEqual(a, b) {
    if (this.equals === undefined) return Object.is(a, b);
    const observer = graph.observer;
    graph.observer = null;
    try {
      return this.equals(a, b);
    } finally {
      graph.observer = observer;
    }
  }

  /** @returns {string} */
  get key() {
    if (typeof this.name === 'number') this.name = `$${this.name}`;
    return this.name;
  }
}

class Computed extends Derived {
  get() {
    if (current.storage !== undefined) {
      const scope = current.storage.getStore();
      if (scope !== undefined) return scope.readComputed(this);
    }
    return this.read();
  }

  /** @param {(value: any) => void} callback */
  subscribe(callback) {
    return subscribe(this, callback);
  }
}

/**
 * Calls back with each new value, in the scope of the call, until the returned function is called.
 *
 * @param {Signal | Computed} source
 * @param {(value: any) => void} callback
 * @returns {() => void}
 */
function subscribe(source, callback) {
  requireFunction('subscribe(callback): callback', callback);
  let first = true;
  return startReaction(() => {
    const value = source.get();
    if (first) first = false;
    else untracked(() => callback(value));
  });
}

/**
 * @param {Signal} signal
 * @param {SignalOptions} options
 */
function readOptions(signal, options) {
  if (typeof options !== 'object' || options === null) {
    throw invalidArgument('signal(initial, options): options', 'an object', options);
  }
  checkNames('signal', options, signalNames);
  const { equals, key, serialize } = options;
  if (equals !== undefined) requireFunction('signal(initial, options): options.equals', equals);
  if (serialize !== undefined && serialize !== false && !isFormat(serialize)) {
    throw invalidArgument(
      'signal(initial, options): options.serialize',
      'false or an object with the functions write and read',
      serialize,
    );
  }
  if (key !== undefined) claimKey(signal, key);
  else signal.name = unnamed++;
  signal.equals = equals;
  signal.format = serialize;
}

/**
 * @param {unknown} value
 * @returns {value is Format}
 */
function isFormat(value) {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (/** @type {Format} */ (value).write) === 'function' &&
    typeof (/** @type {Format} */ (value).read) === 'function'
  );
}

/**
 * @param {Signal} signal
 * @param {unknown} key
 */
function claimKey(signal, key) {
  if (typeof key !== 'string' || key === '' || ORDER_KEY.test(key)) {
    throw invalidArgument(
      'signal(initial, options): options.key',
      'a string that is not empty and not "$" with a number',
      key,
    );
  }
  if (named.get(key)?.deref() !== undefined) throw createError('FLOTILLA_ERR_DUPLICATE_KEY', [key]);
  signal.name = key;
  named.set(key, new WeakRef(signal));
  collected.register(signal, key);
}

/**
 * @param {string} key
 * @returns {Signal | undefined}
 */
function signalNamed(key) {
  return named.get(key)?.deref();
}

/**
 * @param {any} initial
 * @param {SignalOptions} [options]
 */
function signal(initial, options) {
  return new Signal(initial, options);
}

/**
 * @param {() => any} fn
 * @param {{ equals?: (a: any, b: any) => boolean }} [options]
 */
function computed(fn, options) {
  requireFunction('computed(fn): fn', fn);
  if (options !== undefined && (typeof options !== 'object' || options === null)) {
    throw invalidArgument('computed(fn, options): options', 'an object', options);
  }
  if (options !== undefined) checkNames('computed', options, computedNames);
  const equals = options?.equals;
  if (equals !== undefined) requireFunction('computed(fn, options): options.equals', equals);
  return new Computed(fn, equals, undefined);
}

module.exports = { Computed, Signal, computed, signal, signalNamed };
