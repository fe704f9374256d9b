/**
 * The dependency graph under signals, computeds and effects: who reads whom, what is out of date, what must run.
 *
 * A write pushes only a mark through the graph; values are pulled, in the order in which they were read, and
 * compared by version. So every computed runs at most once a change and never sees half of one (no glitches).
 *
 * Invariants:
 * - A source knows a target only while the target is live, which is while an effect can be reached from it.
 *   What no effect watches is validated by version when read, and nothing but its owner holds it: a computed
 *   cached in a request's scope is collected with that scope.
 * - A live target that is not OUTDATED is up to date.
 * - Effects run only when `graph.depth` is 0 or in `flush`, so never in the middle of an evaluation.
 */

/** @import * as Shape from './shapes.d.ts' */

const { invalidArgument } = require('../base/argument.js');
const { createError } = require('../errors.js');

/** The target was marked in this wave, so what it feeds is marked too. */
const NOTIFIED = 1;
/** Some source may have changed since the target last looked. */
const OUTDATED = 2;
/** The target is being evaluated, or its sources are being checked. */
const RUNNING = 4;
/** An effect can be reached from here: sources push to it. */
const LIVE = 8;
const DISPOSED = 16;
const HAS_ERROR = 32;
/** The target is an effect: the end of the line. */
const REACTION = 64;
/** The last evaluation ran out of stack, so its outcome says nothing. */
const CUT_SHORT = 128;

/** How often one effect may run in one flush before it is taken for a loop without end. */
const RUNS_PER_FLUSH = 100;

const graph = {
  /** @type {Shape.Observer | null} whose reads are being noted */
  observer: null,
  /** @type {Shape.Reaction | null} the effect that owns the effects made now */
  owner: null,
  /** Batches and evaluations in progress: above 0, effects wait. */
  depth: 0,
  /** Counts writes anywhere: while it stands still, nothing can have changed. */
  epoch: 1,
  /** Numbers evaluations. */
  runs: 0,
  /** Numbers flushes. */
  flushes: 0,
  /** @type {Shape.Reaction | null} first of the effects that wait */
  queue: null,
  /** @type {Shape.Reaction | null} */
  queueEnd: null,
  /** @type {Source[]} sources written in a batch, whose version is not settled yet */
  unsettled: [],
};

/** One target's reading of one source, and the version it saw. */
class Link {
  /**
   * @param {Source} source
   * @param {Shape.Target} target
   * @param {number} version
   * @param {Link | null} nextSource
   */
  constructor(source, target, version, nextSource) {
    this.source = source;
    this.target = target;
    this.version = version;
    this.nextSource = nextSource;
    /** @type {Link | null} */
    this.previousTarget = null;
    /** @type {Link | null} */
    this.nextTarget = null;
  }
}

/** Something with a value that can be read and watched. */
class Source {
  /** @param {any} value */
  constructor(value) {
    /** @type {any} */
    this.value = value;
    this.version = 0;
    /** The last evaluation that read this, so that a second read in it adds nothing; 0 if none ever did. */
    this.seen = 0;
    /** @type {Link | null} */
    this.firstTarget = null;
    /** @type {Link | null} */
    this.lastTarget = null;
    /** Written in a batch: `settled` has the value that targets have seen. */
    this.unsettled = false;
    /** @type {any} */
    this.settled = undefined;
  }

  /** Brings value and version up to date. */
  refresh() {
    if (this.unsettled) settle(this);
  }

  /** @param {Link} link */
  attach(link) {
    appendTarget(this, link);
  }

  /** @param {Link} link */
  detach(link) {
    removeTarget(this, link);
  }
}

/**
 * A value that was written and put back within one batch has not changed.
 *
 * @param {Source} source
 */
function settle(source) {
  source.unsettled = false;
  if (!Object.is(source.settled, source.value)) source.version++;
  source.settled = undefined;
}

/**
 * @param {Source} source
 * @param {Link} link
 */
function appendTarget(source, link) {
  const last = source.lastTarget;
  link.previousTarget = last;
  if (last === null) source.firstTarget = link;
  else last.nextTarget = link;
  source.lastTarget = link;
}

/**
 * @param {Source} source
 * @param {Link} link
 */
function removeTarget(source, link) {
  const previous = link.previousTarget;
  const next = link.nextTarget;
  if (previous === null) source.firstTarget = next;
  else previous.nextTarget = next;
  if (next === null) source.lastTarget = previous;
  else next.previousTarget = previous;
  link.previousTarget = null;
  link.nextTarget = null;
}

/**
 * Notes that the running evaluation read a source that is up to date. Links of the evaluation before are used
 * again as long as the reads come in the same order.
 *
 * @param {Source} source
 * @param {Shape.Observer} target
 */
function track(source, target) {
  if (source.seen === target.run) return;
  source.seen = target.run;
  const tail = target.tail;
  const next = tail === null ? target.sources : tail.nextSource;
  if (next !== null && next.source === source) {
    next.version = source.version;
    target.tail = next;
    return;
  }
  const link = new Link(source, target, source.version, next);
  if (tail === null) target.sources = link;
  else tail.nextSource = link;
  target.tail = link;
  if ((target.flags & LIVE) !== 0) source.attach(link);
}

/**
 * Drops the links behind the last read of an evaluation: nothing was read through them.
 *
 * @param {Shape.Observer} target
 */
function dropUnread(target) {
  const tail = target.tail;
  let link = tail === null ? target.sources : tail.nextSource;
  if (link === null) return;
  if (tail === null) target.sources = null;
  else tail.nextSource = null;
  const live = (target.flags & LIVE) !== 0;
  while (link !== null) {
    /** @type {Link | null} */
    const next = link.nextSource;
    if (live) link.source.detach(link);
    link = next;
  }
}

/**
 * Whether some source has another version than the target saw. Sources are asked in the order in which they
 * were read, and the first change ends it: a source that the target would no longer reach is never evaluated.
 *
 * @param {Shape.Observer} target
 */
function isStale(target) {
  for (let link = target.sources; link !== null; link = link.nextSource) {
    const source = link.source;
    if (source.version !== link.version) return true;
    source.refresh();
    if (source.version !== link.version) return true;
  }
  return false;
}

/** @type {Shape.Link[]} targets that `notify` still has to visit; empty outside of it */
const branches = [];

/**
 * Marks all that a source feeds as out of date, and queues the effects among it. A loop and not a recursion,
 * so that the depth of the graph is not limited by the stack.
 *
 * @param {Shape.Source} source
 */
function notify(source) {
  let link = source.firstTarget;
  while (link !== null) {
    const sibling = link.nextTarget;
    const below = mark(link.target);
    if (below === null) {
      link = sibling ?? branches.pop() ?? null;
    } else {
      if (sibling !== null) branches.push(sibling);
      link = below;
    }
  }
}

/**
 * @param {Shape.Target} target
 * @returns {Shape.Link | null} what it feeds, unless that is marked already
 */
function mark(target) {
  if ((target.flags & NOTIFIED) !== 0) return null;
  target.flags |= NOTIFIED | OUTDATED;
  if ((target.flags & REACTION) === 0) return /** @type {Shape.Derived | Shape.View} */ (target).firstTarget;
  enqueue(/** @type {Shape.Reaction} */ (target));
  return null;
}

/** @param {Shape.Reaction} reaction */
function enqueue(reaction) {
  reaction.nextQueued = null;
  if (graph.queueEnd === null) graph.queue = reaction;
  else graph.queueEnd.nextQueued = reaction;
  graph.queueEnd = reaction;
}

/**
 * Gives a source a new value, and runs the effects that see the change, at once or at the end of the batch.
 *
 * @param {Source} source
 * @param {any} value one that is known to differ
 */
function write(source, value) {
  graph.epoch++;
  if (graph.depth === 0 || source.seen === 0) {
    source.value = value;
    source.version++;
    if (source.firstTarget === null) return;
    notify(source);
    if (graph.queue !== null) flush([]);
    return;
  }
  if (!source.unsettled) {
    source.unsettled = true;
    source.settled = source.value;
    graph.unsettled.push(source);
  }
  source.value = value;
  notify(source);
}

/**
 * Runs what waits, until nothing does. One effect's error keeps no other from running: they are all thrown at
 * the end, one as itself and several as an `AggregateError`.
 *
 * @param {unknown[]} errors those that came before
 */
function flush(errors) {
  graph.depth++;
  graph.flushes++;
  for (let reaction = graph.queue; reaction !== null; reaction = graph.queue) {
    graph.queue = reaction.nextQueued;
    if (graph.queue === null) graph.queueEnd = null;
    reaction.nextQueued = null;
    reaction.flags &= ~NOTIFIED;
    try {
      if ((reaction.flags & DISPOSED) === 0 && isStale(reaction)) {
        countRun(reaction);
        reaction.execute();
      }
    } catch (error) {
      errors.push(error);
    }
  }
  settleAll();
  graph.depth--;
  throwAll(errors);
}

/** @param {Shape.Reaction} reaction */
function countRun(reaction) {
  if (reaction.flush !== graph.flushes) {
    reaction.flush = graph.flushes;
    reaction.runsInFlush = 0;
  }
  if (++reaction.runsInFlush > RUNS_PER_FLUSH) {
    throw createError('FLOTILLA_ERR_SIGNAL_CYCLE', [
      `an effect ran ${RUNS_PER_FLUSH} times without coming to rest, because it changes what it reads`,
    ]);
  }
}

function settleAll() {
  const sources = graph.unsettled;
  if (sources.length === 0) return;
  graph.unsettled = [];
  for (const source of sources) if (source.unsettled) settle(source);
}

/** @param {unknown[]} errors */
function throwAll(errors) {
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new AggregateError(errors, `${errors.length} effects threw`);
}

/**
 * Ends a batch: the outermost runs what waits.
 *
 * @param {unknown[]} errors what was thrown in it
 */
function leaveBatch(errors) {
  if (--graph.depth === 0) runWaiting(errors);
  else throwAll(errors);
}

/** @param {unknown[]} [errors] */
function runWaiting(errors = []) {
  if (graph.queue !== null) {
    flush(errors);
    return;
  }
  settleAll();
  throwAll(errors);
}

/**
 * @template T
 * @param {() => T} fn
 * @returns {T}
 */
function batch(fn) {
  requireFunction('batch(fn): fn', fn);
  /** @type {T | undefined} */
  let result;
  /** @type {unknown[]} */
  const errors = [];
  graph.depth++;
  try {
    result = fn();
  } catch (error) {
    errors.push(error);
  }
  leaveBatch(errors);
  return /** @type {T} */ (result);
}

/**
 * @template T
 * @param {() => T} fn
 * @returns {T}
 */
function untracked(fn) {
  requireFunction('untracked(fn): fn', fn);
  const observer = graph.observer;
  graph.observer = null;
  try {
    return fn();
  } finally {
    graph.observer = observer;
  }
}

/**
 * @param {string} name
 * @param {unknown} value
 */
function requireFunction(name, value) {
  if (typeof value !== 'function') throw invalidArgument(name, 'a function', value);
}

module.exports = {
  CUT_SHORT,
  DISPOSED,
  HAS_ERROR,
  LIVE,
  Link,
  NOTIFIED,
  OUTDATED,
  REACTION,
  RUNNING,
  Source,
  appendTarget,
  batch,
  dropUnread,
  flush,
  graph,
  isStale,
  leaveBatch,
  notify,
  removeTarget,
  requireFunction,
  runWaiting,
  settle,
  track,
  untracked,
  write,
};
