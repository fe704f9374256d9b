/**
 * What a fetcher is told beside its key: a signal that fires when its value will not be stored any more, and the value
 * that was there. Both cost nothing to those who do not look at them.
 */

/** @import { FetchContext } from '../../index.js' */

const { createError } = require('../errors.js');
const { addon, constants, followers } = require('./native.js');

/** Why a flight was revoked, as `cacheWatch` tells it. */
const { VOID, REPLACED, LATE } = constants.flightEnds;

const reasons = new Map([
  [VOID, 'its key was changed meanwhile'],
  [REPLACED, 'another one leads in its place'],
  [LATE, 'its lease has run out'],
]);

/** @param {number} kind */
const revoked = (kind) => createError('FLOTILLA_ERR_FLIGHT_REVOKED', [reasons.get(kind) ?? 'it is void']);

class FlightContext {
  /** @type {AbortController | undefined} */
  #controller;
  /** Why the signal has fired, or 0. */
  #kind = 0;
  /** @type {any} */
  #stale;
  #readStale;
  #watch;

  /**
   * @param {(fire: (kind: number) => void) => void} watch called once, when the signal is asked for
   * @param {(() => any)} [readStale]
   */
  constructor(watch, readStale) {
    this.#watch = watch;
    this.#readStale = readStale;
  }

  get signal() {
    if (this.#controller === undefined) {
      const controller = new AbortController();
      this.#controller = controller;
      this.#watch((kind) => {
        this.#kind = kind;
        controller.abort(revoked(kind));
      });
    }
    return this.#controller.signal;
  }

  get stale() {
    if (this.#readStale !== undefined) {
      this.#stale = this.#readStale();
      this.#readStale = undefined;
    }
    return this.#stale;
  }

  /**
   * The same flight, with another form of what was there.
   *
   * @param {FetchContext} context
   * @param {any} stale
   */
  static over(context, stale) {
    return Object.defineProperties(Object.create(FlightContext.prototype), {
      signal: { get: () => context.signal },
      stale: { value: stale },
    });
  }

  /**
   * Why its signal has fired: 0 where it has not.
   *
   * @param {FlightContext} context
   */
  static firedFor(context) {
    return context.#kind;
  }
}

/** @param {number} kind @returns {boolean} whether who is told to stop may ask anew, and finds what is newer */
const isPassed = (kind) => kind === VOID || kind === REPLACED;

/**
 * For a flight that this thread leads.
 *
 * @param {number} flight
 * @param {() => any} [readStale]
 */
function contextOf(flight, readStale) {
  return new FlightContext((fire) => {
    followers.set(flight, fire);
    addon.cacheWatch(flight);
  }, readStale);
}

/** A flight has ended: nobody is told of it any more. @param {number} flight */
const endContext = (flight) => followers.delete(flight);

module.exports = { FlightContext, contextOf, endContext, isPassed };
