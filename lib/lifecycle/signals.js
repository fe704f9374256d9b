/**
 * The signals of the process: SIGTERM and SIGINT stop every server and end the process, SIGUSR2 restarts them,
 * a second SIGTERM or SIGINT ends the process at once.
 *
 * A second one comes from somebody who has lost patience: one that follows in a moment, or that this process raises itself,
 * does not. SIGTERM to a worker ends that worker, in agreement with its primary. There is one set of handlers in a process, there while a server that wants them is not stopped. The exit code is
 * 0 if all stopped well, and 1 if a request was cut, a resource did not close, or somebody lost patience. As PID 1
 * a process gets only signals that it has handlers for; these are enough.
 */

/** @import { LoggerLike } from '../../index.js' */

const { seat } = require('../cluster/seat.js');
const { isOwn, watch } = require('./own-signals.js');

/**
 * @typedef {object} Listed
 * @property {() => Promise<boolean>} stop brings whether all went well
 * @property {() => Promise<void>} restart
 * @property {() => void} leave ends this worker alone
 * @property {LoggerLike} logger
 */

/** @type {Set<Listed>} */
const listed = new Set();
/** Whose restarts go on, and whether another was asked for since. @type {Map<Listed, { again: boolean }>} */
const restarting = new Map();
/** A terminal and npm both pass a Ctrl-C on, and some supervisors signal a process and its group: that is one wish. */
const sameWishMs = 100;
/** Since when everything is to stop. @type {number | undefined} */
let stoppingSince;
let endWatch = () => {};

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
  const own = isOwn(signal);
  if (seat) {
    // A terminal sends it to the workers too; they end when their primary tells them to.
    if (signal === 'SIGTERM' && !own) for (const { leave } of listed) leave();
    return;
  }
  if (stoppingSince !== undefined) {
    if (!own && performance.now() - stoppingSince > sameWishMs) process.exit(1);
    return;
  }
  stoppingSince = performance.now();
  const outcomes = await Promise.all([...listed].map(stopsWell));
  process.exit(outcomes.every((well) => well) ? 0 : 1);
}

function renew() {
  // What is being stopped must not be started again.
  if (stoppingSince !== undefined || seat) return;
  for (const each of listed) {
    const present = restarting.get(each);
    if (present) present.again = true;
    else restartOf(each);
  }
}

/**
 * Restarts, and once more where that was asked for meanwhile, however often.
 *
 * @param {Listed} each
 */
async function restartOf(each) {
  const { restart, logger } = each;
  const present = { again: false };
  restarting.set(each, present);
  do {
    present.again = false;
    await restart().catch((error) =>
      logger.error('flotilla: the restart failed, and the old generation serves on:', error),
    );
  } while (present.again && stoppingSince === undefined && listed.has(each));
  restarting.delete(each);
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
  if (listed.size === 0) {
    for (const [signal, handler] of handlers) process.on(signal, handler);
    endWatch = watch();
  }
  listed.add(server);
}

/** @param {Listed} server */
function delist(server) {
  // While the process ends, a second signal still has to find its handler.
  if (!listed.delete(server) || listed.size > 0 || stoppingSince !== undefined) return;
  for (const [signal, handler] of handlers) process.off(signal, handler);
  endWatch();
}

module.exports = { delist, enlist, sameWishMs };
