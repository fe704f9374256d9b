/**
 * An effect: runs at once, and again when something it read has changed, in the scope it was made in.
 *
 * An effect made inside another belongs to it, and ends when the other runs again or ends. An effect made in a
 * scope that a server scope tracks ends with that scope; made after the scope's end, it runs once and ends,
 * because nothing would ever end it. A function that throws on its first run makes no effect.
 */

/** @import * as Shape from './shapes.d.ts' */

const { current } = require('#scope-storage');
const { callIn } = require('./derived.js');
const {
  DISPOSED,
  LIVE,
  OUTDATED,
  REACTION,
  RUNNING,
  dropUnread,
  graph,
  leaveBatch,
  requireFunction,
} = require('./graph.js');

class Reaction {
  /**
   * @param {() => unknown} fn
   * @param {Shape.Scope | undefined} scope
   * @param {Shape.Reaction | null} owner
   */
  constructor(fn, scope, owner) {
    this.fn = fn;
    this.scope = scope;
    this.owner = owner;
    this.flags = REACTION | LIVE | OUTDATED;
    this.run = 0;
    /** @type {Shape.Link | null} */
    this.sources = null;
    /** @type {Shape.Link | null} */
    this.tail = null;
    /** @type {Reaction | null} */
    this.nextQueued = null;
    /** The flush that it last ran in, and how often. */
    this.flush = 0;
    this.runsInFlush = 0;
    /** @type {(() => void) | null} what the function returned */
    this.cleanup = null;
    /** @type {Set<Shape.Reaction> | null} */
    this.owned = null;
    /** @type {Shape.EffectHolder | null} the tracked scope that ends this effect */
    this.holder = null;
  }

  /** Runs the function, and notes what it reads. */
  execute() {
    graph.depth++;
    const { observer, owner } = graph;
    this.flags |= RUNNING;
    /** @type {unknown[]} */
    const errors = [];
    if (this.clear(errors) && (this.flags & DISPOSED) === 0) {
      graph.observer = this;
      graph.owner = this;
      this.run = ++graph.runs;
      this.tail = null;
      try {
        const cleanup = callIn(this.scope, this.fn);
        if (typeof cleanup === 'function') this.cleanup = /** @type {() => void} */ (cleanup);
      } catch (error) {
        errors.push(error);
      }
      graph.observer = observer;
      graph.owner = owner;
      dropUnread(this);
    } else {
      // A cleanup that throws leaves what it was to undo: running on top of that would hide it.
      this.flags |= DISPOSED;
    }
    this.flags &= ~(RUNNING | OUTDATED);
    if ((this.flags & DISPOSED) !== 0) this.end(errors);
    leaveBatch(errors);
  }

  /**
   * Ends the effects made by the last run and calls its cleanup.
   *
   * @param {unknown[]} errors takes what they throw
   * @returns {boolean} whether nothing threw
   */
  clear(errors) {
    const before = errors.length;
    if (this.owned !== null) {
      const owned = this.owned;
      this.owned = null;
      for (const reaction of owned) reaction.stop(errors);
    }
    const cleanup = this.cleanup;
    if (cleanup !== null) {
      this.cleanup = null;
      const { observer, owner } = graph;
      graph.observer = null;
      graph.owner = null;
      try {
        callIn(this.scope, cleanup);
      } catch (error) {
        errors.push(error);
      }
      graph.observer = observer;
      graph.owner = owner;
    }
    return errors.length === before;
  }

  /**
   * Ends the effect: at once, or when its running function returns.
   *
   * @param {unknown[]} errors takes what its cleanup throws
   */
  stop(errors) {
    if ((this.flags & DISPOSED) !== 0) return;
    this.flags |= DISPOSED;
    if ((this.flags & RUNNING) === 0) this.end(errors);
  }

  /** @param {unknown[]} errors */
  end(errors) {
    this.tail = null;
    dropUnread(this);
    this.clear(errors);
    this.owner?.owned?.delete(this);
    this.holder?.reactions.delete(this);
    this.owner = null;
    this.holder = null;
  }

  dispose() {
    /** @type {unknown[]} */
    const errors = [];
    graph.depth++;
    this.stop(errors);
    leaveBatch(errors);
  }
}

/**
 * @param {() => unknown} fn
 * @returns {() => void}
 */
function startReaction(fn) {
  const scope = current.storage?.getStore();
  const reaction = new Reaction(fn, scope, graph.owner);
  const holder = scope === undefined ? null : scope.effectHolder();
  if (graph.owner !== null) {
    graph.owner.owned ??= new Set();
    graph.owner.owned.add(reaction);
  }
  if (holder !== null) {
    reaction.holder = holder;
    holder.reactions.add(reaction);
  }
  try {
    reaction.execute();
  } catch (error) {
    reaction.dispose();
    throw error;
  }
  if (holder?.ended) reaction.dispose();
  return () => reaction.dispose();
}

/**
 * @param {() => void | (() => void)} fn
 * @returns {() => void} ends the effect
 */
function effect(fn) {
  requireFunction('effect(fn): fn', fn);
  return startReaction(fn);
}

module.exports = { effect, startReaction };
