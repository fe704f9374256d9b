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

/** @returns {Seat | undefined} */
function takeSeat() {
  const text = process.env[variable];
  if (text === undefined) return undefined;
  delete process.env[variable];
  return cluster.isWorker ? JSON.parse(text) : undefined;
}

/**
 * @param {Seat} seat
 * @returns {Record<string, string>} the environment of a worker
 */
const environment = (seat) => ({ [variable]: JSON.stringify(seat) });

module.exports = { environment, seat: takeSeat() };
