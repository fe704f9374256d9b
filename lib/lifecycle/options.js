/** The options of a server, checked at the door, with everything filled in that was not given. */

/** @import { LoggerLike, ResolvedServerConfig } from '../../index.js' */
/** @import { AnyContext } from './context.js' */

const { checked, serverConfig } = require('../cluster/config.js');
const check = require('../base/check.js');

/**
 * @typedef {object} Options
 * @property {(context: any) => unknown} app
 * @property {number} port
 * @property {string} host an absolute path is a Unix socket
 * @property {number} gracefulShutdownTimeoutMs
 * @property {number} shutdownDelayMs
 * @property {number} readyTimeoutMs
 * @property {number} healthCheckTimeoutMs
 * @property {{ health: string | false, ready: string | false, live: string | false, port?: number }} endpoints
 * @property {boolean} installSignalHandlers
 * @property {boolean} systemd
 * @property {LoggerLike} logger
 * @property {ResolvedServerConfig} [balance] how connections go to workers, in a clustered server
 */

const defaultTimes = {
  gracefulShutdownTimeoutMs: 5000,
  shutdownDelayMs: 0,
  readyTimeoutMs: 3000,
  healthCheckTimeoutMs: 1000,
};
const defaultPaths = { health: '/health', ready: '/ready', live: '/live' };
const kinds = /** @type {const} */ (['health', 'ready', 'live']);

/** @param {any} given */
function times(given) {
  const decided = { ...defaultTimes };
  for (const name of /** @type {(keyof typeof decided)[]} */ (Object.keys(decided))) {
    if (given[name] !== undefined) decided[name] = check.milliseconds(name, given[name]);
  }
  return decided;
}

/**
 * @param {string} name
 * @param {unknown} value
 * @returns {string | false}
 */
function endpointPath(name, value) {
  if (value === false) return false;
  if (typeof value === 'string' && /^\/[^?#\s]*$/.test(value)) return value;
  throw check.invalid(name, "a path that begins with '/', or false", value);
}

/**
 * @param {any} given
 * @returns {Options['endpoints']}
 */
function endpoints(given) {
  if (given === false) return { health: false, ready: false, live: false };
  const decided = { ...defaultPaths };
  if (given === undefined) return decided;
  check.record('healthEndpoints', given);
  /** @type {Options['endpoints']} */
  const all = { ...decided };
  for (const kind of kinds) {
    if (given[kind] !== undefined) all[kind] = endpointPath(`healthEndpoints.${kind}`, given[kind]);
  }
  if (given.port !== undefined) all.port = check.port('healthEndpoints.port', given.port);
  const paths = kinds.map((kind) => all[kind]).filter((each) => each !== false);
  if (new Set(paths).size < paths.length) {
    throw check.invalid('healthEndpoints', 'a path of its own for each endpoint', paths);
  }
  return all;
}

/** @param {any} given */
function logger(given) {
  const all = /** @type {LoggerLike} */ ({});
  if (given !== undefined) check.record('logger', given);
  for (const level of /** @type {const} */ (['debug', 'info', 'warn', 'error'])) {
    if (given?.[level] !== undefined) check.callable(`logger.${level}`, given[level]);
    all[level] = given?.[level] ? given[level].bind(given) : (...args) => console[level](...args);
  }
  return all;
}

/**
 * @param {string} name
 * @param {unknown} value
 */
function on(name, value) {
  return value === undefined ? true : check.flag(name, value);
}

/** @param {string | undefined} configured */
function decideHost(configured) {
  if (configured !== undefined) return check.text('host', configured);
  return process.env.HOST || process.env.LISTEN_HOST || '0.0.0.0';
}

/**
 * @param {any} given
 * @param {Options} options
 * @returns {ResolvedServerConfig | undefined}
 */
function balance(given, options) {
  const { app: _app, ...asked } = given;
  if (given.workers === undefined) {
    // They count for nothing here, but what is wrong is wrong.
    checked(asked);
    return undefined;
  }
  const { host, port, logger, gracefulShutdownTimeoutMs } = options;
  return serverConfig({ ...asked, host, port, logger, gracefulShutdownTimeoutMs });
}

/**
 * @param {AnyContext} context
 * @param {any} given
 * @returns {Options}
 */
function resolveOptions(context, given) {
  check.record('options', given);
  const app = given.app ?? context.config.app;
  if (app === undefined) {
    throw check.invalid('app', 'given, in the options or in the configuration of the context', app);
  }
  const options = {
    app: check.callable('app', app),
    port: given.port === undefined ? context.config.port : check.port('port', given.port),
    host: decideHost(given.host ?? context.config.host),
    ...times(given),
    endpoints: endpoints(given.healthEndpoints),
    installSignalHandlers: on('installSignalHandlers', given.installSignalHandlers),
    systemd: on('systemd', given.systemd),
    logger: logger(given.logger),
  };
  return { ...options, balance: balance(given, options) };
}

module.exports = { resolveOptions };
