/**
 * Starting a worker that inherits a descriptor beside what Node gives it.
 *
 * It has no name that another process could come by. If the worker dies, so does its copy; if the primary dies, the worker
 * reads the end there.
 */

const cluster = /** @type {import('node:cluster').Cluster} */ (
  /** @type {unknown} */ (require('node:cluster'))
);
const { createError } = require('../errors.js');
const { rendezvousVariable } = require('./seat.js');

/** Refuses a program that nobody can run again: it has no file. */
function checkProgram() {
  const file = cluster.settings.exec ?? process.argv[1];
  if (file !== undefined && file !== '-') return;
  const isEval = process.execArgv.some((each) => /^(-e|-p|-pe|--eval|--print)(=|$)/.test(each));
  const from = isEval ? 'stands in -e' : 'comes from the standard input, or is typed';
  throw createError('FLOTILLA_ERR_NO_PROGRAM', [from]);
}

/**
 * What the program wants of the workers' descriptors, as a list.
 *
 * @returns {any[]}
 */
function wanted() {
  const { stdio, silent } = cluster.settings;
  if (Array.isArray(stdio)) return stdio;
  const each = stdio ?? (silent ? 'pipe' : 'inherit');
  return [each, each, each, 'ipc'];
}

/** @param {Record<string, string>} environment */
function fork(environment) {
  try {
    return cluster.fork(environment);
  } catch (cause) {
    if (/** @type {any} */ (cause)?.code !== 'ERR_ACCESS_DENIED') throw cause;
    const details = ['start the processes of workers', '--allow-child-process'];
    throw createError('FLOTILLA_ERR_NOT_PERMITTED', details, { cause });
  }
}

/**
 * @param {Record<string, string>} environment
 * @param {number} [descriptor] one below zero is the number of an error, of which the worker tells
 */
function forkWith(environment, descriptor) {
  checkProgram();
  if (descriptor === undefined) return fork(environment);
  if (descriptor < 0) return fork({ ...environment, [rendezvousVariable]: String(descriptor) });
  // What nobody has set has its default from here on, and Node tells of it as it does at the first fork.
  cluster.setupPrimary();
  const { stdio } = cluster.settings;
  const list = wanted();
  cluster.settings.stdio = [...list, descriptor];
  try {
    return fork({ ...environment, [rendezvousVariable]: String(list.length) });
  } finally {
    cluster.settings.stdio = stdio;
  }
}

/**
 * Tells the program that a worker serves, as Node does of one that listens: by the address that its clients connect to.
 *
 * @param {import('node:cluster').Worker} worker
 * @param {import('./seat.js').PublicAddress} at
 */
function tellListening(worker, at) {
  const isPath = typeof at === 'string';
  const told = isPath ? { address: at, port: -1, addressType: /** @type {const} */ (-1) } : tcp(at);
  // What the program does with it is none of our steps.
  process.nextTick(() => {
    worker.emit('listening', told);
    cluster.emit('listening', worker, told);
  });
}

/** @param {Exclude<import('./seat.js').PublicAddress, string>} at */
const tcp = ({ address, port, family }) => ({
  address,
  port,
  addressType: /** @type {4 | 6} */ (family === 'IPv6' ? 6 : 4),
});

module.exports = { forkWith, tellListening };
