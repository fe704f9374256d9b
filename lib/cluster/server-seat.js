/**
 * Whether this process is a worker of `startServer`, and which.
 *
 * The primary says so by an environment variable, which is taken away at once: a process that the worker starts is not
 * a worker.
 */

const cluster = /** @type {import('node:cluster').Cluster} */ (
  /** @type {unknown} */ (require('node:cluster'))
);

/** @import { Seat } from './front.js' */

const variable = 'FLOTILLA_SERVER_SEAT';
/** Where the primary hands connections over, if it does. */
const doorVariable = 'FLOTILLA_RENDEZVOUS';

/** @param {string} name */
function take(name) {
  const text = process.env[name];
  if (text !== undefined) delete process.env[name];
  return cluster.isWorker ? text : undefined;
}

const text = take(variable);
/** @type {Seat | undefined} */
const seat = text === undefined ? undefined : JSON.parse(text);
/** What does not belong to a seat is somebody else's. */
const door = seat && take(doorVariable);

/**
 * @param {Seat} seat
 * @returns {Record<string, string>} the environment of a worker
 */
const environment = (seat) => ({ [variable]: JSON.stringify(seat) });

module.exports = { door, environment, seat };
