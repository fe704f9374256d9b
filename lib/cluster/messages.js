/**
 * What the primary and its workers say to each other, over the channel that Node gives them.
 *
 * Connections never wait for it. A worker may run anything, so what it sends is checked before it is believed: what is
 * not right is as if it had not been sent.
 */

/** @import { HealthReport, WorkerRuntimeStats } from '../../index.js' */

const { createError, nativeError, reasonOf, table } = require('../errors.js');

/** @typedef {{ type: 'flotilla:worker-ready', port: number }} Ready */
/** @typedef {{ type: 'flotilla:worker-failed', code: string, text: string }} Failed */
/** @typedef {{ type: 'flotilla:heartbeat', stats: WorkerRuntimeStats }} Heartbeat */
/** @typedef {{ type: 'flotilla:leaving' }} Leaving the worker has begun to end its service, told to or not */
/** @typedef {{ type: 'flotilla:asked-to-end' }} Asked somebody else than the primary wants the worker to end */
/** @typedef {{ type: 'flotilla:left', answered: boolean }} Left */
/** @typedef {{ type: 'flotilla:error', code: string, text: string }} Trouble what went wrong while it serves */
/** @typedef {{ type: 'flotilla:drained' }} Drained */
/** @typedef {{ type: 'flotilla:quiet' }} Quiet nothing is under way, and it could end */
/** @typedef {{ type: 'flotilla:ticket-keys-wanted' }} KeysWanted */
/** @typedef {{ type: 'flotilla:health', id: unknown, report: HealthReport }} Health */
/** @typedef {{ type: 'flotilla:how-is-all', id: number }} Question */
/** @typedef {{ type: 'flotilla:seated', key: string, port: number }} Seated a program listens on an address that the primary has */
/** @typedef {{ type: 'flotilla:unseated', key: string }} Unseated it does not any more */
/** @typedef {{ type: 'flotilla:replace', reason: string }} Replace the worker is to end, and another to take its place */
/** @typedef {Seated | Unseated | Replace} OfAnyApp */
/** @typedef {OfAnyApp | Ready | Failed | Heartbeat | Leaving | Asked | Left | Trouble | Drained | Quiet | KeysWanted | Health | Question} FromWorker */
/** @typedef {{ type: 'flotilla:leave', lingerMs: number, withinMs: number, moves: boolean }} ToWorker */

/** In a restart a connection may be idle this long before it is closed: its next request may be on the way. */
const IDLE_MS = 1000;
/** Resources get this long to close, or as long as requests where that is less, also where those have used their time up. */
const CLOSING_MS = 1000;
const LONGEST_TEXT = 4096;
const needed = /** @type {const} */ ([
  'cpuPercent',
  'rssBytes',
  'heapUsedBytes',
  'heapTotalBytes',
  'externalBytes',
  'arrayBuffersBytes',
  'uptimeMs',
  'activeConnections',
  'sampledAt',
]);
const optional = /** @type {const} */ (['inFlightRequests', 'servedRequests', 'eventLoopLagMs']);

/** @param {unknown} value */
const isFigure = (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0;

/**
 * @param {any} told
 * @param {number} pid the sender's: it cannot report for another
 * @returns {WorkerRuntimeStats | undefined}
 */
function readStats(told, pid) {
  if (typeof told !== 'object' || told === null || !needed.every((name) => isFigure(told[name])))
    return undefined;
  /** @type {any} */
  const stats = { pid };
  for (const name of needed) stats[name] = told[name];
  for (const name of optional) if (isFigure(told[name])) stats[name] = told[name];
  return stats;
}

/** @param {any} told 0 where a worker listens on none, because connections are handed to it */
const readPort = (told) =>
  Number.isInteger(told) && told >= 0 && told < 65_536 ? /** @type {number} */ (told) : undefined;

/** Not by `String`: that calls what the worker has sent. @param {unknown} told */
const readText = (told) => (typeof told === 'string' ? told.slice(0, LONGEST_TEXT) : 'it does not say why');

/**
 * The error that a worker tells of.
 *
 * @param {any} message
 */
function readError({ code: name, text: told }) {
  const text = readText(told);
  const isKnown = typeof name === 'string' && Object.hasOwn(table, name);
  return isKnown
    ? nativeError(/** @type {import('../../index.js').FlotillaErrorCode} */ (name), text)
    : createError('FLOTILLA_ERR_WORKER_FAILED', [text]);
}

/**
 * @template {'flotilla:worker-failed' | 'flotilla:error'} T
 * @param {any} error
 * @param {T} type
 * @returns {{ type: T, code: string, text: string }}
 */
const failed = (error, type = /** @type {T} */ ('flotilla:worker-failed')) => ({
  type,
  code: String(error?.code),
  text: String(error?.message ?? reasonOf(error)),
});

/** @param {FromWorker} message */
function tellPrimary(message) {
  // Where it cannot be sent, the primary is gone, and Node ends this process.
  if (process.connected) process.send?.(message, undefined, {}, () => {});
}

module.exports = { CLOSING_MS, IDLE_MS, failed, isFigure, readError, readPort, readStats, tellPrimary };
