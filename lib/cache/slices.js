/**
 * Operations on all entries of a cache, done slice by slice: a lock of the cache is kept for less than a millisecond at a
 * time, and the event loop has its turns.
 *
 * Such an operation is a generator. It yields functions, each of which does a slice, and is given back what that returned.
 * One that is short enough ends before its first pause, in the same turn as it was called.
 */

/** @import { OpenNamespace } from './namespace.js' */
/** @typedef {Generator<() => any, any, any>} Steps */

const { here, hereNow, unlessHeldFor } = require('./held.js');

/** After so many milliseconds others have a turn. */
const TURN = 1;

/** @returns {Promise<void>} */
const turn = () => new Promise((resolve) => void setImmediate(resolve));

/**
 * @param {Steps} steps
 * @param {(slice: () => any) => any} perform gives what the slice returned, or a promise of it
 */
async function drive(steps, perform) {
  try {
    let begun = performance.now();
    for (let { done, value } = steps.next(); ; ) {
      if (done) return value;
      let answer = perform(value);
      if (answer instanceof Promise) answer = await answer;
      if (performance.now() - begun > TURN) {
        await turn();
        begun = performance.now();
      }
      ({ done, value } = steps.next(answer));
    }
  } finally {
    steps.return(undefined);
  }
}

/** @param {OpenNamespace} namespace @param {Steps} steps @returns {Promise<any>} */
const inSlices = (namespace, steps) => drive(steps, (slice) => here(namespace, slice));

/**
 * The same, and later calls wait until it has ended: it changes what they read.
 *
 * @param {OpenNamespace} namespace
 * @param {Steps} steps
 * @returns {Promise<any>}
 */
function inSlicesBeforeAll(namespace, steps) {
  let ended = false;
  const run = () =>
    drive(steps, (slice) => unlessHeldFor(namespace, slice)).finally(() => {
      ended = true;
    });
  const before = namespace.waiting;
  const answer = before === undefined ? run() : before.then(run);
  const end = () => {
    if (namespace.waiting === over) namespace.waiting = undefined;
  };
  const over = answer.then(end, end);
  if (!ended) namespace.waiting = over;
  return answer;
}

/** Everything else of this thread waits. @param {OpenNamespace} namespace @param {Steps} steps */
function atOnce(namespace, steps) {
  try {
    for (let { done, value } = steps.next(); ; ) {
      if (done) return value;
      ({ done, value } = steps.next(hereNow(namespace, value)));
    }
  } finally {
    steps.return(undefined);
  }
}

module.exports = { atOnce, inSlices, inSlicesBeforeAll };
