/**
 * A computed value in one view: the global one, or that of one scope.
 *
 * It is evaluated when read, if something it read before has another version now. What its function throws is
 * its value until then: every read throws the same error. While no effect watches it, none of its sources
 * knows it, and it is validated by version.
 */

/** @import * as Shape from './shapes.d.ts' */

const { createError } = require('../errors.js');
const { current, openStorage } = require('#scope-storage');
const {
  CUT_SHORT,
  HAS_ERROR,
  LIVE,
  NOTIFIED,
  OUTDATED,
  RUNNING,
  Source,
  appendTarget,
  dropUnread,
  graph,
  isStale,
  removeTarget,
  runWaiting,
  track,
} = require('./graph.js');

/** @typedef {((a: any, b: any) => boolean) | undefined} Equals undefined stands for `Object.is` */

class Derived extends Source {
  /**
   * @param {() => any} fn
   * @param {Equals} equals
   * @param {Shape.Scope | undefined} scope whose values `fn` sees
   */
  constructor(fn, equals, scope) {
    super(undefined);
    this.fn = fn;
    this.equals = equals;
    this.scope = scope;
    this.flags = OUTDATED;
    this.run = 0;
    /** `graph.epoch` when this was last known to be right. */
    this.checked = 0;
    /** @type {Shape.Link | null} */
    this.sources = null;
    /** @type {Shape.Link | null} the last read of the running evaluation */
    this.tail = null;
  }

  /** @returns {any} */
  read() {
    if ((this.flags & RUNNING) !== 0) this.reportCycle();
    if ((this.flags & (LIVE | OUTDATED)) !== LIVE && this.checked !== graph.epoch) {
      graph.depth++;
      try {
        this.refresh();
      } finally {
        graph.depth--;
      }
      if (graph.depth === 0) runWaiting();
    }
    if (graph.observer !== null) track(this, graph.observer);
    if ((this.flags & HAS_ERROR) !== 0) throw this.value;
    return this.value;
  }

  /** @override */
  refresh() {
    if ((this.flags & RUNNING) !== 0) return;
    if ((this.flags & (LIVE | OUTDATED)) === LIVE) return;
    this.flags &= ~(OUTDATED | NOTIFIED);
    if (this.checked === graph.epoch) return;
    this.checked = graph.epoch;
    const wasCutShort = (this.flags & CUT_SHORT) !== 0;
    // The stack may end at any call from here on. What got through takes the mark away again.
    this.flags |= RUNNING | CUT_SHORT;
    try {
      if (this.version === 0 || wasCutShort || isStale(this)) evaluate(this);
      else this.flags &= ~CUT_SHORT;
    } finally {
      this.flags &= ~RUNNING;
      if ((this.flags & CUT_SHORT) !== 0) {
        // Where the stack ended is no property of the function: the next read tries again.
        this.flags |= OUTDATED;
        this.checked = 0;
      }
    }
  }

  /**
   * @override
   * @param {Shape.Link} link
   */
  attach(link) {
    appendTarget(this, link);
    if ((this.flags & LIVE) !== 0) return;
    // Not being live, it heard of no change: it looks again before it is next believed.
    this.flags |= LIVE | OUTDATED;
    for (let own = this.sources; own !== null; own = own.nextSource) own.source.attach(own);
  }

  /**
   * @override
   * @param {Shape.Link} link
   */
  detach(link) {
    removeTarget(this, link);
    if (this.firstTarget !== null || (this.flags & LIVE) === 0) return;
    this.flags &= ~(LIVE | NOTIFIED);
    for (let own = this.sources; own !== null; own = own.nextSource) own.source.detach(own);
  }

  /**
   * The reader is linked first, so that it looks again when this computed no longer reads it.
   *
   * @returns {never}
   */
  reportCycle() {
    if (graph.observer !== null) track(this, graph.observer);
    throw createError('FLOTILLA_ERR_SIGNAL_CYCLE', ['a computed reads itself, directly or through others']);
  }
}

/**
 * Runs the function and notes what it reads. An error becomes the value; it throws only where the stack ends.
 *
 * @param {Derived} derived
 */
function evaluate(derived) {
  const { observer, owner } = graph;
  graph.observer = derived;
  graph.owner = null;
  derived.run = ++graph.runs;
  derived.tail = null;
  let value;
  let failed = false;
  try {
    value = callIn(derived.scope, derived.fn);
    graph.observer = null;
    if (
      derived.version !== 0 &&
      (derived.flags & HAS_ERROR) === 0 &&
      (derived.equals === undefined ? Object.is(derived.value, value) : derived.equals(derived.value, value))
    ) {
      value = derived.value;
    } else {
      derived.version++;
    }
  } catch (error) {
    value = error;
    failed = true;
    derived.version++;
  }
  graph.observer = observer;
  graph.owner = owner;
  derived.value = value;
  derived.flags = (derived.flags & ~HAS_ERROR) | (failed ? HAS_ERROR : 0);
  dropUnread(derived);
  if (!failed || !isStackOverflow(value)) derived.flags &= ~CUT_SHORT;
}

/** @param {unknown} error */
function isStackOverflow(error) {
  return error instanceof RangeError && error.message === 'Maximum call stack size exceeded';
}

/**
 * Calls a function where its reads and writes, and those of the work it starts, are the scope's.
 *
 * @template T
 * @param {Shape.Scope | undefined} scope
 * @param {() => T} fn
 * @returns {T}
 */
function callIn(scope, fn) {
  if (current.storage === undefined) {
    if (scope === undefined) return fn();
    return openStorage().run(scope, fn);
  }
  return current.storage.getStore() === scope ? fn() : current.storage.run(scope, fn);
}

module.exports = { Derived, callIn };
