/**
 * `startServer`, `stopServer` and `restartServer`: a clustered server of the lifecycle whose application is there already,
 * made by one call. There is one in a process; the program runs again in each worker, and calls the same there.
 */

/** @import { ResolvedServerConfig, ServerApp, ServerConfigInput, StartServerResult } from '../../index.js' */
/** @import { Options } from './options.js' */

const cluster = /** @type {import('node:cluster').Cluster} */ (
  /** @type {unknown} */ (require('node:cluster'))
);
const { setServerConfig } = require('../cluster/config.js');
const { START_SERVER, startServerSeat: seat } = require('../cluster/seat.js');
const { createError } = require('../errors.js');
const { checkApp, takesSockets } = require('../http/application.js');
const { ClusteredService } = require('./clustered-service.js');
const { createContext } = require('./context.js');
const { Fleet } = require('./fleet.js');
const { killAfterMs } = require('./options.js');
const { WorkerService } = require('./worker-service.js');

/** How long a worker may take to get ready. */
const readyMs = 30_000;

/**
 * @typedef {object} Running
 * @property {unknown} app
 * @property {InstanceType<typeof ClusteredService> | InstanceType<typeof WorkerService>} service
 * @property {InstanceType<typeof Fleet>} fleet
 * @property {Promise<StartServerResult>} started
 */

/** @type {Running | undefined} */
let running;
/** @type {Promise<void> | undefined} */
let stopping;

/**
 * @param {ServerApp} app
 * @param {ResolvedServerConfig} config
 * @returns {Options}
 */
function optionsFor(app, config) {
  const { host, port, gracefulShutdownTimeoutMs, installSignalHandlers, logger } = config;
  return {
    app: () => app,
    host,
    port,
    gracefulShutdownTimeoutMs,
    shutdownDelayMs: 0,
    readyTimeoutMs: readyMs,
    healthCheckTimeoutMs: 0,
    endpoints: { health: false, ready: false, live: false },
    installSignalHandlers,
    systemd: false,
    logger,
    balance: config,
    manner: {
      waitsForAll: false,
      refuses: false,
      listens: true,
      takesSockets: takesSockets(app),
      readyMs,
      endMs: gracefulShutdownTimeoutMs + killAfterMs,
    },
  };
}

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
 * @param {ResolvedServerConfig} config
 */
async function run(app, config) {
  const options = optionsFor(app, config);
  const context = createContext({ port: config.port });
  const service = seat
    ? new WorkerService(options, START_SERVER, seat)
    : new ClusteredService(options, START_SERVER, START_SERVER);
  const fleet = new Fleet(context, [service]);
  const started = fleet.start([service]).then(() => resultOf(service, config));
  const mine = { app, service, fleet, started };
  running = mine;
  try {
    return await started;
  } catch (error) {
    if (running === mine) running = undefined;
    throw error;
  }
}

/**
 * @param {Running['service']} service
 * @param {ResolvedServerConfig} config
 * @returns {StartServerResult}
 */
function resultOf(service, { workers, logger }) {
  const { pid } = process;
  if (service instanceof WorkerService) {
    const { host, workerIndex } = /** @type {NonNullable<typeof seat>} */ (seat);
    return { mode: 'worker', pid, host, port: service.port, workerIndex, workerPort: service.port };
  }
  const { host, port } = service.bound;
  logger.info(`flotilla: ${workers} workers serve ${host.startsWith('/') ? host : `${host}:${port}`}`);
  return { mode: 'primary', pid, host, port, workers };
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
  const { service, fleet, started } = running;
  // One that is still starting is stopped when it has started, or has failed to.
  await started.catch(() => {});
  try {
    await fleet.stop([service]);
  } finally {
    if (!service.started) running = undefined;
  }
}

/** @returns {Promise<void>} */
async function restartServer() {
  if (seat) throw createError('FLOTILLA_ERR_PRIMARY_ONLY', ['restartServer()']);
  if (!running || stopping) throw createError('FLOTILLA_ERR_SERVER_NOT_STARTED', ['restartServer()']);
  const { service, fleet, started } = running;
  await started;
  await fleet.restart([service]);
}

module.exports = { restartServer, startServer, stopServer };
