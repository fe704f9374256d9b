/**
 * The signals of the process: SIGTERM and SIGINT stop every server and end the process, SIGUSR2 restarts them,
 * a second SIGTERM or SIGINT ends the process at once.
 *
 * There is one set of handlers in a process, there while a server that wants them is not stopped. The exit code is
 * 0 if all stopped well, and 1 if a request was cut, a resource did not close, or somebody lost patience. As PID 1
 * a process gets only signals that it has handlers for; these are enough.
 */

/** @import { LoggerLike } from '../../index.js' */

const { seat } = require('../cluster/seat.js');

/**
 * @typedef {object} Listed
 * @property {() => Promise<boolean>} stop brings whether all went well
 * @property {() => Promise<void>} restart
 * @property {LoggerLike} logger
 */

/** @type {Set<Listed>} */
const listed = new Set();
/** A terminal and npm both pass a Ctrl-C on: one press must not count as two. */
const samePressMs = 50;
/** @type {{ signal: NodeJS.Signals, at: number } | undefined} */
let stopping;

/** @param {Listed} each */
async function stopsWell({ stop, logger }) {
  try {
    return await stop();
  } catch (error) {
    logger.error('flotilla:', error);
    return false;
  }
}

/** @param {NodeJS.Signals} signal */
async function end(signal) {
  // A terminal sends it to the workers too; they end when their primary tells them to.
  if (seat) return;
  const now = performance.now();
  if (stopping) {
    const samePress = signal === 'SIGINT' && stopping.signal === 'SIGINT' && now - stopping.at < samePressMs;
    if (!samePress) process.exit(1);
    return;
  }
  stopping = { signal, at: now };
  const outcomes = await Promise.all([...listed].map(stopsWell));
  process.exit(outcomes.every((well) => well) ? 0 : 1);
}

function renew() {
  // What is being stopped must not be started again.
  if (stopping || seat) return;
  for (const { restart, logger } of listed) {
    restart().catch((error) =>
      logger.error('flotilla: the restart failed, and the old generation serves on:', error),
    );
  }
}

/** @type {[NodeJS.Signals, (signal: NodeJS.Signals) => void][]} */
const handlers = [
  ['SIGTERM', end],
  ['SIGINT', end],
  // Windows has no such signal, and refuses a handler.
  .../** @type {[NodeJS.Signals, () => void][]} */ (process.platform === 'win32' ? [] : [['SIGUSR2', renew]]),
];

/** @param {Listed} server */
function enlist(server) {
  if (listed.size === 0) for (const [signal, handler] of handlers) process.on(signal, handler);
  listed.add(server);
}

/** @param {Listed} server */
function delist(server) {
  // While the process ends, a second signal still has to find its handler.
  if (!listed.delete(server) || listed.size > 0 || stopping) return;
  for (const [signal, handler] of handlers) process.off(signal, handler);
}

module.exports = { delist, enlist };
