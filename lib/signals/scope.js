/**
 * A scope: values of its own for signals, over those of its parent, over the global ones.
 *
 * The look-up is live: what a parent is given later is seen at once by all that have no value of their own. All
 * state hangs on the scope object: when nobody holds the scope, its values, computeds and effects' caches go.
 *
 * Invariants:
 * - A scope's own value, once set, stays until it is overwritten: there is no way back to inheriting.
 * - Nothing above a scope refers to it, except through `liveViews`, which an effect's end empties.
 * - Walks up the parents are loops: a scope ten thousand forks deep is slow, but it works.
 */

/** @import * as Shape from './shapes.d.ts' */

const { Cell, View } = require('./cell.js');
const { current, openStorage } = require('#scope-storage');
const { Derived, callIn } = require('./derived.js');
const { invalidArgument } = require('../base/argument.js');
const { checkNames } = require('../base/option-names.js');
const { batch, graph, requireFunction, runWaiting, track, write } = require('./graph.js');
const { Computed, Signal, signalNamed } = require('./signal.js');

/** More own values than this are found through a map. */
const LIST_LIMIT = 8;

/** The effects that end with a scope. */
class EffectHolder {
  /** @param {boolean} ended whether the scope is gone already */
  constructor(ended) {
    /** @type {Set<Shape.Reaction>} */
    this.reactions = new Set();
    this.ended = ended;
  }
}

/** What few scopes need. */
class Extra {
  constructor() {
    /** @type {Map<Shape.Signal, Shape.Cell> | null} the own values, once they are many */
    this.index = null;
    /** @type {WeakMap<object, Shape.View | Shape.Derived> | null} views by signal and caches by computed */
    this.nodes = null;
    /** @type {Map<string, unknown> | null} values that came as data, until their signals are first used */
    this.hydrated = null;
    /** @type {Set<Shape.View> | null} what effects watch through this scope: its own views and those below */
    this.liveViews = null;
    /** @type {EffectHolder | null} */
    this.holder = null;
  }
}

class Scope {
  /** @param {Scope | null} parent */
  constructor(parent) {
    this.parent = parent;
    /** @type {Shape.Cell | null} */
    this.cells = null;
    /** @type {Extra | null} */
    this.extra = null;
  }

  /** @returns {Scope} */
  fork() {
    return new Scope(this);
  }

  /** @param {any} subscribable */
  get(subscribable) {
    if (subscribable instanceof Signal) return this.readSignal(subscribable);
    if (subscribable instanceof Computed) return this.readComputed(subscribable);
    if (typeof subscribable?.get === 'function' && typeof subscribable.subscribe === 'function') {
      return callIn(this, () => subscribable.get());
    }
    throw invalidArgument(
      'scope.get(subscribable): subscribable',
      'a signal, a computed or another object with the functions get and subscribe',
      subscribable,
    );
  }

  /**
   * @param {any} signal
   * @param {any} value
   */
  set(signal, value) {
    if (!(signal instanceof Signal)) {
      throw invalidArgument('scope.set(signal, value): signal', 'a signal', signal);
    }
    this.writeSignal(signal, value);
  }

  /** @returns {Record<string, unknown>} */
  serialize() {
    /** @type {Record<string, unknown>} */
    const data = {};
    let empty = true;
    for (let scope = /** @type {Scope | null} */ (this); scope !== null; scope = scope.parent) {
      const { cells, extra } = scope;
      for (let cell = cells; cell !== null; cell = cell.next) putCell(data, cell, empty);
      if (extra !== null) putExtra(data, extra, empty);
      empty = empty && cells === null && extra === null;
    }
    return data;
  }

  /** @param {Shape.Signal} signal */
  readSignal(signal) {
    if (graph.observer === null) return this.provider(signal).value;
    const source = this.own(signal) ?? this.view(signal);
    source.refresh();
    track(source, graph.observer);
    return source.value;
  }

  /**
   * @param {Shape.Signal} signal
   * @param {any} value
   */
  writeSignal(signal, value) {
    this.extra?.hydrated?.delete(signal.key);
    const cell = this.own(signal);
    if (cell !== null) {
      if (!signal.isEqual(cell.value, value)) write(cell, value);
      return;
    }
    this.add(new Cell(signal, value));
    graph.epoch++;
    const views = this.extra?.liveViews;
    if (views) this.announce(views, (view) => view.signal === signal);
  }

  /** @param {Shape.Computed} computed */
  readComputed(computed) {
    const nodes = this.nodes();
    let derived = /** @type {Shape.Derived | undefined} */ (nodes.get(computed));
    if (derived === undefined) {
      derived = new Derived(computed.fn, computed.equals, this);
      nodes.set(computed, derived);
    }
    return derived.read();
  }

  /**
   * @param {Shape.Signal} signal
   * @returns {Shape.Cell | null}
   */
  own(signal) {
    const extra = this.extra;
    if (extra !== null) {
      if (extra.hydrated !== null) this.materialize(signal, extra.hydrated);
      if (extra.index !== null) return extra.index.get(signal) ?? null;
    }
    let cell = this.cells;
    while (cell !== null && cell.signal !== signal) cell = cell.next;
    return cell;
  }

  /**
   * Where the value of a signal comes from: the nearest scope that has one, or the signal.
   *
   * @param {Shape.Signal} signal
   * @returns {Shape.Cell | Shape.Signal}
   */
  provider(signal) {
    for (let scope = /** @type {Scope | null} */ (this); scope !== null; scope = scope.parent) {
      const cell = scope.own(signal);
      if (cell !== null) return cell;
    }
    return signal;
  }

  /** @param {Shape.Signal} signal */
  view(signal) {
    const nodes = this.nodes();
    let view = /** @type {Shape.View | undefined} */ (nodes.get(signal));
    if (view === undefined) {
      view = new View(this, signal);
      nodes.set(signal, view);
    }
    return view;
  }

  /** @param {Shape.Cell} cell one of a signal that has no cell here */
  add(cell) {
    const index = this.extra?.index;
    if (index) {
      index.set(cell.signal, cell);
      return;
    }
    let count = 1;
    let last = this.cells;
    if (last === null) {
      this.cells = cell;
      return;
    }
    for (; last.next !== null; last = last.next) count++;
    last.next = cell;
    if (count < LIST_LIMIT) return;
    const map = new Map();
    for (let each = this.cells; each !== null; each = each.next) map.set(each.signal, each);
    this.more().index = map;
    this.cells = null;
  }

  /**
   * Takes data that `serialize` made. Each value is read when its signal is first used here, so the signals
   * need not exist yet; those that have a value here get the new one at once.
   *
   * @param {Record<string, unknown>} data
   */
  hydrate(data) {
    const arrived = new Map(Object.entries(data));
    /** @type {[Shape.Cell, any][]} */
    const changes = [];
    const cells = [...(this.extra?.index?.values() ?? [])];
    for (let cell = this.cells; cell !== null; cell = cell.next) cells.push(cell);
    for (const cell of cells) {
      const { key, format } = cell.signal;
      if (!arrived.has(key) || format === false) continue;
      changes.push([cell, format === undefined ? arrived.get(key) : format.read(arrived.get(key))]);
      arrived.delete(key);
    }
    const extra = this.more();
    extra.hydrated ??= new Map();
    for (const [key, json] of arrived) extra.hydrated.set(key, json);
    graph.epoch++;
    batch(() => {
      for (const [cell, value] of changes) if (!cell.signal.isEqual(cell.value, value)) write(cell, value);
      if (extra.liveViews !== null) this.announce(extra.liveViews, (view) => arrived.has(view.signal.key));
    });
  }

  /**
   * @param {Shape.Signal} signal
   * @param {Map<string, unknown>} hydrated
   */
  materialize(signal, hydrated) {
    const { key, format } = signal;
    if (format === false || !hydrated.has(key)) return;
    const json = hydrated.get(key);
    const value = format === undefined ? json : format.read(json);
    hydrated.delete(key);
    this.add(new Cell(signal, value));
  }

  /**
   * Lets the effects that watch through this scope look again, after it has got values of its own.
   *
   * @param {Set<Shape.View>} views
   * @param {(view: Shape.View) => boolean} concerned
   */
  announce(views, concerned) {
    for (const view of views) if (concerned(view)) view.invalidate();
    if (graph.depth === 0) runWaiting();
  }

  /** @param {Shape.View} view */
  registerView(view) {
    for (let scope = /** @type {Scope | null} */ (this); scope !== null; scope = scope.parent) {
      const extra = scope.more();
      extra.liveViews ??= new Set();
      extra.liveViews.add(view);
    }
  }

  /** @param {Shape.View} view */
  unregisterView(view) {
    for (let scope = /** @type {Scope | null} */ (this); scope !== null; scope = scope.parent) {
      scope.extra?.liveViews?.delete(view);
    }
  }

  nodes() {
    const extra = this.more();
    extra.nodes ??= new WeakMap();
    return extra.nodes;
  }

  more() {
    this.extra ??= new Extra();
    return this.extra;
  }

  /** Whether a server scope ends this scope, and with it the effects made in it. */
  get isTracked() {
    return false;
  }

  /** Whether a server scope has ended this scope. */
  get hasEnded() {
    return false;
  }

  /**
   * What ends the effects that are made in this scope.
   *
   * @returns {EffectHolder | null} null where nothing does
   */
  effectHolder() {
    for (let scope = /** @type {Scope | null} */ (this); scope !== null; scope = scope.parent) {
      if (scope.isTracked) return scope.extra?.holder ?? scope.holdEffects();
    }
    return null;
  }

  /** @returns {Shape.EffectHolder} */
  holdEffects() {
    const extra = this.more();
    extra.holder = new EffectHolder(this.hasEnded);
    return extra.holder;
  }

  /**
   * Ends the effects made in this scope and below it.
   *
   * @param {unknown[]} errors takes what their cleanups throw
   */
  endEffects(errors) {
    const holder = this.extra?.holder;
    if (!holder) return;
    holder.ended = true;
    for (const reaction of holder.reactions) {
      try {
        reaction.dispose();
      } catch (error) {
        errors.push(error);
      }
    }
  }

  /** Throws if nothing may be run in this scope any more. */
  requireUsable() {}
}

/**
 * Adds a value to serialized data, unless a scope further down has one.
 *
 * @param {Record<string, unknown>} data
 * @param {Shape.Cell} cell
 * @param {boolean} lowest whether no scope further down has any: a scope does not have a key twice
 */
function putCell(data, { signal, value }, lowest) {
  const { format, key } = signal;
  if (format === false || (!lowest && Object.hasOwn(data, key))) return;
  put(data, key, format === undefined ? value : format.write(value));
}

/**
 * @param {Record<string, unknown>} data
 * @param {Extra} extra
 * @param {boolean} lowest
 */
function putExtra(data, { index, hydrated }, lowest) {
  if (index !== null) for (const cell of index.values()) putCell(data, cell, lowest);
  if (hydrated === null) return;
  for (const [key, json] of hydrated) {
    if (!Object.hasOwn(data, key) && signalNamed(key)?.format !== false) put(data, key, json);
  }
}

/**
 * @param {Record<string, unknown>} data
 * @param {string} key
 * @param {unknown} value
 */
function put(data, key, value) {
  if (key === '__proto__') {
    Object.defineProperty(data, key, { value, writable: true, enumerable: true, configurable: true });
  } else {
    data[key] = value;
  }
}

/**
 * @param {{ values?: Record<string, unknown> }} [options]
 * @returns {Scope}
 */
function createScope(options) {
  const scope = new Scope(null);
  if (options === undefined) return scope;
  if (typeof options !== 'object' || options === null) {
    throw invalidArgument('createScope(options): options', 'an object', options);
  }
  checkNames('createScope', options, ['values']);
  if (options.values !== undefined) {
    requireData('createScope(options): options.values', options.values);
    scope.hydrate(options.values);
  }
  return scope;
}

/**
 * @template T
 * @param {import('../../index.js').Scope} scope
 * @param {() => T} fn
 * @returns {T}
 */
function runInScope(scope, fn) {
  requireScope('runInScope(scope, fn): scope', scope);
  requireFunction('runInScope(scope, fn): fn', fn);
  scope.requireUsable();
  const storage = current.storage ?? openStorage();
  return storage.getStore() === scope ? fn() : storage.run(scope, fn);
}

/** @param {import('../../index.js').Scope} scope */
function serializeScope(scope) {
  requireScope('serializeScope(scope): scope', scope);
  return scope.serialize();
}

/**
 * @param {import('../../index.js').Scope} scope
 * @param {Record<string, unknown>} data
 */
function hydrateScope(scope, data) {
  requireScope('hydrateScope(scope, data): scope', scope);
  requireData('hydrateScope(scope, data): data', data);
  scope.requireUsable();
  scope.hydrate(data);
}

/**
 * @param {string} name
 * @param {unknown} value
 * @returns {asserts value is Scope}
 */
function requireScope(name, value) {
  if (!(value instanceof Scope)) throw invalidArgument(name, 'a scope', value);
}

/**
 * @param {string} name
 * @param {unknown} value
 */
function requireData(name, value) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidArgument(name, 'an object of values by key', value);
  }
}

module.exports = { Scope, createScope, hydrateScope, requireScope, runInScope, serializeScope };
