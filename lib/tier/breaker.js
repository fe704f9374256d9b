/**
 * Holds off calls to a server that does not answer: who has waited once for nothing is followed by none, until a single call
 * has found that it answers again.
 */

const { createError } = require('../errors.js');
const { isRefusal } = require('./client.js');

const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 500;
/** How often it is looked who waits for too long, at least: one timer for all calls. */
const LOOK_EVERY = 50;
/** How much of the time between two looks counts: for longer, this process was busy or stopped, and the server had answered. */
const LONGEST_LOOK = 2 * LOOK_EVERY;

/** @param {string} why @param {unknown} [cause] */
const away = (why, cause) => createError('FLOTILLA_ERR_TIER_AWAY', [why], { cause });

/** Whether it is told that nobody answers. @param {unknown} error */
const isAway = (error) => /** @type {any} */ (error)?.code === 'FLOTILLA_ERR_TIER_AWAY';

/** One who waits for an answer: it is told either, once. */
class Asked {
  /** When it has waited for too long. */
  until = 0;
  isOver = false;
  /** Who has waited for longer than it, and who for less. @type {Asked | undefined} */
  before;
  /** @type {Asked | undefined} */
  after;

  /** @abstract @param {any} _answer */
  answered(_answer) {}

  /** @abstract @param {unknown} _error */
  failed(_error) {}
}

/** One that has a promise. */
class Promised extends Asked {
  /** @param {(answer: any) => void} resolve @param {(error: unknown) => void} reject */
  constructor(resolve, reject) {
    super();
    this.answered = resolve;
    this.failed = reject;
  }
}

/** All who wait, the longest first. */
class Line {
  /** @type {Asked | undefined} */
  first;
  /** @type {Asked | undefined} */
  #last;

  /** @param {Asked} asked */
  add(asked) {
    asked.before = this.#last;
    if (this.#last === undefined) this.first = asked;
    else this.#last.after = asked;
    this.#last = asked;
  }

  /** @param {Asked} asked */
  remove(asked) {
    const { before, after } = asked;
    if (before === undefined) this.first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    asked.before = asked.after = undefined;
  }
}

class Breaker {
  #timeout;
  #pause = FIRST_PAUSE;
  /** When the next call may try, while it is open. */
  #until = 0;
  #isOpen = false;
  #isTrying = false;
  #line = new Line();
  /** @type {NodeJS.Timeout | undefined} */
  #looking;
  /** The time that this process had for answers, as of the last look. */
  #time = 0;
  #lookedAt = 0;

  /** @param {number} timeout how long a call waits, in milliseconds */
  constructor(timeout) {
    this.#timeout = timeout;
  }

  /** @returns {'closed' | 'open' | 'half-open'} */
  get state() {
    if (!this.#isOpen) return 'closed';
    return this.#isTrying || performance.now() >= this.#until ? 'half-open' : 'open';
  }

  /** It is known that the server answers. */
  close() {
    this.#isOpen = false;
    this.#pause = FIRST_PAUSE;
  }

  /**
   * @template T
   * @param {() => Promise<T>} action
   * @returns {Promise<T>}
   */
  run(action) {
    if (this.#isOpen) return this.#try(action);
    return this.#inTime(action);
  }

  /** Of those that come while it is open, one may see whether the server answers again. @template T @param {() => Promise<T>} action @returns {Promise<T>} */
  async #try(action) {
    if (this.#isTrying || performance.now() < this.#until) throw away('it has not answered lately');
    this.#isTrying = true;
    try {
      const answer = await this.#inTime(action);
      this.close();
      return answer;
    } catch (error) {
      if (isRefusal(error)) this.close();
      throw error;
    } finally {
      this.#isTrying = false;
    }
  }

  /** @template T @param {() => Promise<T>} action @returns {Promise<T>} */
  #inTime(action) {
    return new Promise((resolve, reject) => this.ask(action(), new Promised(resolve, reject)));
  }

  /** Waits for an answer that was asked for while it is closed, without a promise. @param {Promise<any>} answer @param {Asked} asked */
  ask(answer, asked) {
    answer.then(
      (value) => {
        if (this.#leaves(asked)) asked.answered(value);
      },
      (error) => this.#fail(asked, error),
    );
    this.#beginToLook();
    asked.until = this.#now() + this.#timeout;
    this.#line.add(asked);
  }

  /** Whether it still waited. @param {Asked} asked */
  #leaves(asked) {
    if (asked.isOver) return false;
    asked.isOver = true;
    this.#line.remove(asked);
    return true;
  }

  /** @param {Asked} asked @param {unknown} error */
  #fail(asked, error) {
    if (this.#leaves(asked)) asked.failed(this.#failed(error));
  }

  #beginToLook() {
    if (this.#looking !== undefined) return;
    this.#lookedAt = performance.now();
    this.#looking = setInterval(this.#look, Math.min(this.#timeout / 4, LOOK_EVERY)).unref();
  }

  /** By a clock that stands while this process is busy or stopped. */
  #now() {
    return this.#time + Math.min(performance.now() - this.#lookedAt, LONGEST_LOOK);
  }

  #look = () => {
    this.#time = this.#now();
    this.#lookedAt = performance.now();
    const now = this.#time;
    for (let asked = this.#line.first; asked !== undefined; asked = this.#line.first) {
      if (asked.until > now) return;
      this.#fail(asked, new Error(`it has not answered within ${this.#timeout} ms`));
    }
    // None is left.
    clearInterval(this.#looking);
    this.#looking = undefined;
  };

  /** @param {any} error @returns {Error} what its caller is told */
  #failed(error) {
    if (isRefusal(error)) return error;
    this.#isOpen = true;
    this.#until = performance.now() + this.#pause;
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
    return away(String(error?.message ?? error), error);
  }
}

module.exports = { Asked, Breaker, away, isAway };
