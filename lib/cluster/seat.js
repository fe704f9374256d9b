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
/** Where the primary hands connections over, if it does. */
const doorVariable = 'FLOTILLA_RENDEZVOUS';

/** @typedef {{ address: string, family: string, port: number } | string} PublicAddress */
/**
 * @typedef {object} Seat
 * @property {number} server
 * @property {number} generation
 * @property {PublicAddress} address what clients connect to
 * @property {string} host where this worker listens, if connections are forwarded to it
 * @property {number} port
 */

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
let servers = 0;

/** The number of the next server that the program makes. */
const nextServer = () => servers++;

/**
 * @param {Seat} given
 * @returns {Record<string, string>} the environment of a worker
 */
const environment = (given) => ({ [variable]: JSON.stringify(given) });

module.exports = { door, environment, nextServer, seat };
