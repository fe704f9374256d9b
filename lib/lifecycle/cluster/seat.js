/**
 * Whether this process is a worker of a clustered server, and of which.
 *
 * The primary says so by an environment variable, which is taken away at once: a process that the worker starts is
 * not a worker. Servers are told apart by the order in which the program makes them, which is the same in the
 * primary and in its workers, because both run the same program.
 */

const cluster = /** @type {import('node:cluster').Cluster} */ (
  /** @type {unknown} */ (require('node:cluster'))
);

const variable = 'FLOTILLA_LIFECYCLE_SEAT';

/** @typedef {{ server: number, generation: number, address: { address: string, family: string, port: number } | string }} Seat */

/** @returns {Seat | undefined} */
function takeSeat() {
  const text = process.env[variable];
  if (text === undefined) return undefined;
  delete process.env[variable];
  return cluster.isWorker ? JSON.parse(text) : undefined;
}

const seat = takeSeat();
let servers = 0;

/** The number of the next server that the program makes. */
const nextServer = () => servers++;

/**
 * @param {Seat} given
 * @returns {Record<string, string>} the environment of a worker
 */
const environment = (given) => ({ [variable]: JSON.stringify(given) });

module.exports = { environment, nextServer, seat };
