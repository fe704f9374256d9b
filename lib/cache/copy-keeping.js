/**
 * When this thread begins to keep copies of what it reads (`copies.js`), and the clock by which they expire.
 */

const { isMainThread } = require('node:worker_threads');
const { addon } = require('./native.js');

const MOST_NAMESPACES = 32;

/** For tests, which cannot read as often as a server does. */
const tuning = {
  /** How many reads of a namespace native code answers before copies are kept. */
  readsBefore: 256,
  /** One read in so many that native code answers leaves a copy: a key that is read but once is seldom worth it. */
  sample: 4,
};

const elapsed = performance.now.bind(performance);
/** Native time minus `elapsed()`, rather too large than too small: both run on the monotonic clock of the system. */
const CLOCK_OFFSET = -elapsed() + addon.cacheClock();
const running = () => elapsed() + CLOCK_OFFSET;

const clock = { now: running };

/**
 * For tests: stops the clock of this process, native code's too; without a time it runs again.
 *
 * @param {number} [milliseconds]
 */
function setClock(milliseconds) {
  addon.cacheSetClock(milliseconds);
  clock.now = milliseconds === undefined ? running : () => milliseconds;
}

/** @type {ArrayBuffer | null | undefined} */
let memory;
let open = 0;

/** The shared words: for the main thread, as V8 takes the same memory but once. */
function sharedMemory() {
  if (memory === undefined) memory = (isMainThread && addon.cacheCopyMemory()) || null;
  return memory;
}

/**
 * Begins to keep copies for a cache, if this thread and the cache's options allow it.
 *
 * @param {number} id of the cache
 */
function openCopies(id) {
  if (open >= MOST_NAMESPACES || sharedMemory() === null) return undefined;
  const ring = addon.cacheClaimRing(id);
  if (ring === undefined) return undefined;
  open += 1;
  // Loaded no earlier: V8 is to know the shared memory as a constant of that module.
  const { Copies } = require('./copies.js');
  return new Copies(id, ring);
}

/** @param {ReturnType<typeof openCopies>} copies */
function closeCopies(copies) {
  if (copies === undefined) return;
  open -= 1;
  copies.giveBack();
}

module.exports = { clock, closeCopies, openCopies, setClock, sharedMemory, tuning };
