/**
 * How long one caller waits for a flight. The flight goes on without it, and stores what it brings.
 */

/** @typedef {{ signal?: AbortSignal, softTimeout?: number, hardTimeout?: number }} Patience */

const { createError } = require('../errors.js');

/** The longest that a timer can run. */
const LONGEST = 2 ** 31 - 1;

/** @param {Patience} how */
const isPatient = ({ signal, softTimeout, hardTimeout }) =>
  signal === undefined && softTimeout === undefined && hardTimeout === undefined;

/**
 * @param {Promise<any>} flight
 * @param {Patience} how
 * @param {() => { value: any } | undefined} [readStale] what may be given after `softTimeout`
 * @returns {Promise<any>}
 */
function patiently(flight, { signal, softTimeout, hardTimeout }, readStale = () => undefined) {
  return new Promise((resolve, reject) => {
    /** @type {NodeJS.Timeout[]} */
    const timers = [];
    /** @param {number | undefined} after @param {() => void} act */
    const later = (after, act) => {
      if (after !== undefined && after <= LONGEST) timers.push(setTimeout(act, after));
    };
    const abort = () => end(reject, signal?.reason);
    /** @param {(value: any) => void} how @param {any} value */
    const end = (how, value) => {
      for (const timer of timers) clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      how(value);
    };
    signal?.addEventListener('abort', abort);
    later(softTimeout, () => {
      try {
        const stale = readStale();
        if (stale !== undefined) end(resolve, stale.value);
      } catch {
        // The namespace cannot be read now: what the flight brings will say why.
      }
    });
    later(hardTimeout, () => end(reject, createError('FLOTILLA_ERR_FETCH_TIMEOUT', [String(hardTimeout)])));
    flight.then(
      (value) => end(resolve, value),
      (error) => end(reject, error),
    );
  });
}

module.exports = { isPatient, patiently };
