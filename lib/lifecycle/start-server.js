/**
 * `startServer`, `stopServer` and `restartServer`: one server in a process, which balances in the primary and serves in
 * the workers. The program runs again in each worker, and calls the same there.
 */

/** @import { ServerApp, ServerConfigInput, StartServerResult } from '../../index.js' */

const cluster = /** @type {import('node:cluster').Cluster} */ (
  /** @type {unknown} */ (require('node:cluster'))
);
const { createError } = require('../errors.js');
const { checkApp } = require('../http/app.js');
const { setServerConfig } = require('../cluster/config.js');
const { Primary } = require('./primary.js');
const { seat } = require('../cluster/server-seat.js');
const { Worker } = require('./worker.js');

/**
 * @typedef {object} Running
 * @property {unknown} app
 * @property {InstanceType<typeof Primary> | InstanceType<typeof Worker>} server
 * @property {Promise<StartServerResult>} started
 */

/** @type {Running | undefined} */
let running;
/** @type {Promise<void> | undefined} */
let stopping;

/**
 * @param {ServerApp} app
 * @param {ServerConfigInput} [nextConfig]
 * @returns {Promise<StartServerResult>}
 */
async function startServer(app, nextConfig = {}) {
  checkApp(app);
  await stopping;
  // Another call with the same application is the same wish.
  if (running && running.app === app) return running.started;
  if (running) throw createError('FLOTILLA_ERR_SERVER_STARTED');
  if (!cluster.isPrimary && !seat) throw createError('FLOTILLA_ERR_PRIMARY_ONLY', ['startServer()']);
  return run(app, setServerConfig(nextConfig));
}

/**
 * @param {ServerApp} app
 * @param {import('../../index.js').ResolvedServerConfig} config
 */
async function run(app, config) {
  const server = seat ? new Worker(config, seat, app) : new Primary(config, app);
  const started = server.start();
  const mine = { app, server, started };
  running = mine;
  try {
    return await started;
  } catch (error) {
    if (running === mine) running = undefined;
    throw error;
  }
}

/** @returns {Promise<void>} */
function stopServer() {
  stopping ??= stop().finally(() => {
    stopping = undefined;
  });
  return stopping;
}

async function stop() {
  if (!running) return;
  const { server, started } = running;
  // One that is still starting is stopped when it has started, or has failed to.
  await started.catch(() => {});
  await server.stop();
  running = undefined;
}

/** @returns {Promise<void>} */
async function restartServer() {
  if (seat) throw createError('FLOTILLA_ERR_PRIMARY_ONLY', ['restartServer()']);
  if (!running || stopping) throw createError('FLOTILLA_ERR_SERVER_NOT_STARTED', ['restartServer()']);
  const { server, started } = running;
  await started;
  await /** @type {InstanceType<typeof Primary>} */ (server).restart();
}

module.exports = { restartServer, startServer, stopServer };
