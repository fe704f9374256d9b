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

const native = require('../native/loader.js');

const variable = 'FLOTILLA_SEAT';
/** The number of the descriptor over which the primary lets this process have its queue, if it hands connections over. */
const rendezvousVariable = 'FLOTILLA_RENDEZVOUS';
/** In the place of a number. @type {'startServer'} */
const START_SERVER = 'startServer';
/** The program is none of ours. @type {'any-app'} */
const ANY_APP = 'any-app';

/** @typedef {{ address: string, family: string, port: number } | string} PublicAddress */
/**
 * @typedef {object} WorkerSeat
 * @property {number} seat its number
 * @property {number | 'startServer' | 'any-app'} server
 * @property {number} generation
 * @property {PublicAddress} address what clients connect to
 * @property {number} workerIndex
 * @property {string} host where this worker listens, if it does
 * @property {number} port
 * @property {number} [primary] the process that has started this one
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
// Node ends a worker whose primary has died, but not while its event loop is blocked.
if (seat?.primary !== undefined) native.dieWith(seat.primary);
// Sent to the whole process group, it is a word to the primary; to a worker without a handler it would be the end.
if (seat && process.platform !== 'win32') process.on('SIGUSR2', () => {});
/** What does not belong to a seat is somebody else's. */
const met = seat && take(rendezvousVariable);
const rendezvous = met === undefined ? undefined : Number(met);
/** By which its primary's meters are found. */
const meters = seat && take('FLOTILLA_METERS');
const isStartServer = seat?.server === START_SERVER;
const isAnyApp = seat?.server === ANY_APP;
/** In a worker of a clustered server of the lifecycle. */
const lifecycleSeat = isStartServer || isAnyApp ? undefined : seat;
/** In a worker of `startServer`. */
const startServerSeat = isStartServer ? seat : undefined;
/** In a worker whose program is none of ours. */
const anySeat = isAnyApp ? seat : undefined;
let servers = 0;

/** The number of the next server that the program makes. */
const nextServer = () => servers++;

/**
 * @param {WorkerSeat} given
 * @returns {Record<string, string>} the environment of a worker
 */
const environment = (given) => ({ [variable]: JSON.stringify({ ...given, primary: process.pid }) });

module.exports = {
  ANY_APP,
  START_SERVER,
  anySeat,
  environment,
  lifecycleSeat,
  meters,
  nextServer,
  rendezvous,
  rendezvousVariable,
  seat,
  startServerSeat,
};
