/**
 * What is done where another process keeps a lock of the cache: it may be stopped, frozen or writing a core dump.
 *
 * Native code waits for a few milliseconds only, as the event loop stands still meanwhile. Here the call is made again
 * until the cache's `lockTimeout` is over; between two tries the event loop has its turns, unless the call is one of the
 * synchronous view. Calls with promises keep their order: while one waits, those after it wait behind it.
 */

/** @import { OpenNamespace } from './namespace.js' */

const { setTimeout: startTimer } = require('node:timers');

const CODE = 'FLOTILLA_ERR_LOCK_HELD';
const LONGEST_PAUSE = 16;
/** What native code takes for a try, at most, if it gets a core at once. */
const LONGEST_TRY = 10;
/** After so long somebody is told who keeps the lock. */
const WARN_AFTER = 1000;

/** A word that nobody ever changes: waiting for it is sleeping. */
const nobody = new Int32Array(new SharedArrayBuffer(4));

/** When the calls began that had to wait for a lock, one after the other, and when the last of them ended. */
const trouble = { began: Number.NEGATIVE_INFINITY, seen: Number.NEGATIVE_INFINITY, told: false };

/** @param {Error} error that says which process has the lock */
function warnInTime({ message }) {
  const now = performance.now();
  if (now - trouble.seen > WARN_AFTER) Object.assign(trouble, { began: now, told: false });
  trouble.seen = now;
  if (trouble.told || now - trouble.began < WARN_AFTER) return;
  trouble.told = true;
  process.emitWarning(`Calls have failed for more than a second: ${message}`, {
    type: 'FlotillaWarning',
    code: CODE,
  });
}

/** @param {number} milliseconds @returns {Promise<void>} */
const pause = (milliseconds) => new Promise((resolve) => void startTimer(resolve, milliseconds));

/** @param {unknown} error */
const isHeld = (error) => /** @type {{ code?: string } | undefined} */ (error)?.code === CODE;

/**
 * How long one call waits. On a busy machine a process may get a core but seldom: the time without one counts no more than a try
 * and its pause take, for the process that has the lock may have got none either.
 */
class Wait {
  #left;
  #began = performance.now();
  #pause = 0;
  #tried = 0;

  /** @param {number} milliseconds */
  constructor(milliseconds) {
    this.#left = milliseconds;
  }

  /** What was before the first try counts whole: other calls waited then. */
  begin() {
    this.#count(Number.POSITIVE_INFINITY);
  }

  /**
   * How long to pause before the next try; nothing where the time is over, or waiting does not help.
   *
   * @param {unknown} error
   */
  next(error) {
    if (!isHeld(error)) return undefined;
    warnInTime(/** @type {Error} */ (error));
    this.#count(this.#pause + LONGEST_TRY);
    if (this.#left <= 0) return undefined;
    this.#pause = Math.min(2 ** this.#tried++, LONGEST_PAUSE, Math.ceil(this.#left));
    return this.#pause;
  }

  /** @param {number} most */
  #count(most) {
    const now = performance.now();
    this.#left -= Math.min(now - this.#began, most);
    this.#began = now;
  }
}

/**
 * @template {any[]} A
 * @template R
 * @param {OpenNamespace} namespace
 * @param {(namespace: OpenNamespace, ...args: A) => R} operation
 * @param {A} args
 * @param {Wait} wait
 * @returns {Promise<R>}
 */
async function untilHad(namespace, operation, args, wait) {
  wait.begin();
  for (;;) {
    try {
      return operation(namespace, ...args);
    } catch (error) {
      const time = wait.next(error);
      if (time === undefined) throw error;
      await pause(time);
    }
  }
}

/**
 * Makes a call when those before it are done that a lock is in the way of, so that none overtakes another.
 *
 * @template {any[]} A
 * @template R
 * @param {OpenNamespace} namespace
 * @param {(namespace: OpenNamespace, ...args: A) => R} operation
 * @param {A} args
 * @returns {Promise<R>}
 */
function inTurn(namespace, operation, ...args) {
  const wait = new Wait(namespace.lockTimeout);
  const before = namespace.waiting ?? Promise.resolve();
  const answer = before.then(() => untilHad(namespace, operation, args, wait));
  const end = () => {
    if (namespace.waiting === ended) namespace.waiting = undefined;
  };
  const ended = answer.then(end, end);
  namespace.waiting = ended;
  return answer;
}

/**
 * Makes a call, at once where no lock is in the way: its answer, or a promise of it.
 *
 * @template {any[]} A
 * @template R
 * @param {OpenNamespace} namespace
 * @param {(namespace: OpenNamespace, ...args: A) => R} operation
 * @param {A} args
 * @returns {R | Promise<R>}
 */
function here(namespace, operation, ...args) {
  if (namespace.waiting === undefined) {
    try {
      return operation(namespace, ...args);
    } catch (error) {
      if (!isHeld(error)) throw error;
    }
  }
  return inTurn(namespace, operation, ...args);
}

/**
 * Makes a call, and again where a lock is in the way: its answer, or a promise of it. It waits for no other call.
 *
 * @template R
 * @param {OpenNamespace} namespace
 * @param {() => R} operation
 * @returns {R | Promise<R>}
 */
function unlessHeldFor(namespace, operation) {
  try {
    return operation();
  } catch (error) {
    if (!isHeld(error)) throw error;
    return untilHad(namespace, operation, [], new Wait(namespace.lockTimeout));
  }
}

/**
 * Makes a call again that has failed, while everything else of this thread waits.
 *
 * @template {any[]} A
 * @template R
 * @param {unknown} error
 * @param {OpenNamespace} namespace
 * @param {(namespace: OpenNamespace, ...args: A) => R} operation
 * @param {A} args
 * @returns {R}
 */
function againNow(error, namespace, operation, ...args) {
  const wait = new Wait(namespace.lockTimeout);
  for (let failed = error; ; ) {
    const time = wait.next(failed);
    if (time === undefined) throw failed;
    Atomics.wait(nobody, 0, 0, time);
    try {
      return operation(namespace, ...args);
    } catch (next) {
      failed = next;
    }
  }
}

/**
 * Makes a call that everything else of this thread waits for.
 *
 * @template {any[]} A
 * @template R
 * @param {OpenNamespace} namespace
 * @param {(namespace: OpenNamespace, ...args: A) => R} operation
 * @param {A} args
 * @returns {R}
 */
function hereNow(namespace, operation, ...args) {
  try {
    return operation(namespace, ...args);
  } catch (error) {
    return againNow(error, namespace, operation, ...args);
  }
}

/**
 * What a call gives, or something else where a lock is in the way.
 *
 * @template R, S
 * @param {() => R} operation
 * @param {S} otherwise
 * @returns {R | S}
 */
function unlessHeld(operation, otherwise) {
  try {
    return operation();
  } catch (error) {
    if (isHeld(error)) return otherwise;
    throw error;
  }
}

module.exports = { againNow, here, hereNow, inTurn, isHeld, pause, unlessHeld, unlessHeldFor };
