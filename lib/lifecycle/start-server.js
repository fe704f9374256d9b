/**
 * `startServer`, `stopServer` and `restartServer`: a clustered server of the lifecycle, made by one call from an application
 * that is there already, or from a factory, which is called in workers alone. There is one in a process; the program runs
 * again in each worker, and calls the same there.
 */

/** @import { FromEnvironment, ResolvedServerConfig, ServerApp, ServerConfigInput, StartServerResult } from '../../index.js' */
/** @import { Options } from './options.js' */

const cluster = /** @type {import('node:cluster').Cluster} */ (
  /** @type {unknown} */ (require('node:cluster'))
);
const { isDeepStrictEqual } = require('node:util');
const { setServerConfig } = require('../cluster/config.js');
const { refuseWorker } = require('../cluster/foreign.js');
const { START_SERVER, startServerSeat: seat } = require('../cluster/seat.js');
const { createError } = require('../errors.js');
const { checkApp, factoryOf, isFactory, onlyListens, takesSockets } = require('../http/kinds.js');
const { ClusteredService } = require('./clustered-service.js');
const { createContext } = require('./context.js');
const { Fleet } = require('./fleet.js');
const { WorkerService } = require('./worker-service.js');

/** How long a worker may take to get ready. */
const readyMs = 30_000;

/**
 * @typedef {object} Running
 * @property {unknown} app
 * @property {object} asked the options that it was called with
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
  const { host, port, gracefulShutdownTimeoutMs, installSignalHandlers, logger, admin } = config;
  return {
    app: factoryOf(app),
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
    admin,
    balance: config,
    manner: {
      waitsForAll: false,
      refuses: false,
      // What a factory will make, or has listen, is not known here: it is taken as the lifecycle takes any application.
      listens: !isFactory(app) && !(onlyListens(app) && takesSockets(app)),
      takesSockets: isFactory(app) || takesSockets(app),
      readyMs,
    },
  };
}

/**
 * @param {ServerApp} app
 * @param {FromEnvironment<ServerConfigInput>} [nextConfig]
 * @returns {Promise<StartServerResult>}
 */
async function startServer(app, nextConfig = {}) {
  checkApp(app);
  await stopping;
  if (running) {
    // Another call with the same application, and nothing else, is the same wish.
    if (running.app === app && isAmong(nextConfig, running.asked)) return running.started;
    throw createError('FLOTILLA_ERR_SERVER_STARTED', [
      'startServer serves one application, with one set of options; createServers serves several',
    ]);
  }
  if (!cluster.isPrimary && !seat) throw refuseWorker('startServer()');
  return run(app, setServerConfig(nextConfig), nextConfig);
}

/**
 * Whether every option that is given is given with the same value there too.
 *
 * @param {any} options
 * @param {any} others
 */
const isAmong = (options, others) =>
  Object.keys(options).every((name) => isDeepStrictEqual(options[name], others[name]));

/**
 * @param {ServerApp} app
 * @param {ResolvedServerConfig} config
 * @param {object} asked
 */
async function run(app, config, asked) {
  const options = optionsFor(app, config);
  const context = createContext({ port: config.port });
  const service = seat
    ? new WorkerService(options, START_SERVER, seat)
    : new ClusteredService(options, START_SERVER, START_SERVER);
  const fleet = new Fleet(context, [service]);
  const started = fleet.start([service]).then(() => resultOf(service, config));
  const mine = { app, asked, service, fleet, started };
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
function resultOf(service, { workers }) {
  const { pid } = process;
  if (service instanceof WorkerService) {
    const { host, workerIndex } = /** @type {NonNullable<typeof seat>} */ (seat);
    return { mode: 'worker', pid, host, port: service.port, workerIndex, workerPort: service.port };
  }
  const { host, port } = service.bound;
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
