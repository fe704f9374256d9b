/**
 * Whether this process is a worker of Flotilla's, of which server, and where it sits.
 *
 * The primary says so by an environment variable, which is taken away at once: a process that the worker starts is
 * not a worker. Servers of the lifecycle are told apart by the order in which the program makes them, which is the same in
 * the primary and in its workers, because both run the same program; that of `startServer` is the only one of its kind.
 */

const cluster = /** @type {import('node:cluster').Cluster} */ (
  /** @type {unknown} */ (require('node:cluster'))
);

const variable = 'FLOTILLA_SEAT';
/** Where the primary hands connections over, if it does. */
const rendezvousVariable = 'FLOTILLA_RENDEZVOUS';
/** In the place of a number. @type {'startServer'} */
const START_SERVER = 'startServer';

/** @typedef {{ address: string, family: string, port: number } | string} PublicAddress */
/**
 * @typedef {object} WorkerSeat
 * @property {number | 'startServer'} server
 * @property {number} generation
 * @property {PublicAddress} address what clients connect to
 * @property {number} workerIndex
 * @property {string} host where this worker listens, if it does
 * @property {number} port
 */

/** @param {string} name */
function take(name) {
  const text = process.env[name];
  if (text !== undefined) delete process.env[name];
  return cluster.isWorker ? text : undefined;
}

const text = take(variable);
/** @type {WorkerSeat | undefined} */
const seat = text === undefined ? undefined : JSON.parse(text);
/** What does not belong to a seat is somebody else's. */
const rendezvous = seat && take(rendezvousVariable);
const isStartServer = seat?.server === START_SERVER;
/** In a worker of a clustered server of the lifecycle. */
const lifecycleSeat = isStartServer ? undefined : seat;
/** In a worker of `startServer`. */
const startServerSeat = isStartServer ? seat : undefined;
let servers = 0;

/** The number of the next server that the program makes. */
const nextServer = () => servers++;

/**
 * @param {WorkerSeat} given
 * @returns {Record<string, string>} the environment of a worker
 */
const environment = (given) => ({ [variable]: JSON.stringify(given) });

module.exports = { START_SERVER, environment, lifecycleSeat, nextServer, rendezvous, seat, startServerSeat };
