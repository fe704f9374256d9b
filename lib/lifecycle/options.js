/** The options of a server, checked at the door, with everything filled in that was not given. */

/** @import { LoggerLike } from '../../index.js' */
/** @import { AnyContext } from './context.js' */

const { availableParallelism } = require('node:os');
const path = require('node:path');
const check = require('./check.js');

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
 * @property {boolean} clustered
 * @property {number} workers how many, in a clustered server
 * @property {boolean} respawnWorkers
 * @property {Record<string, string>} workerEnv
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

/** @param {unknown} given */
function workers(given) {
  if (given === undefined || given === 'auto') return availableParallelism();
  if (Number.isInteger(given) && /** @type {number} */ (given) >= 1) return /** @type {number} */ (given);
  throw check.invalid('workers', "a whole number, 1 or more, or 'auto'", given);
}

/** @param {unknown} given */
function workerEnv(given) {
  if (given === undefined) return {};
  const strings = Object.values(check.record('workerEnv', given)).every((value) => typeof value === 'string');
  if (strings) return { .../** @type {Record<string, string>} */ (given) };
  throw check.invalid('workerEnv', 'an object of strings', given);
}

/** @param {string | undefined} configured */
function decideHost(configured) {
  if (configured !== undefined) return check.text('host', configured);
  return process.env.HOST || process.env.LISTEN_HOST || '0.0.0.0';
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
  return {
    app: check.callable('app', app),
    port: given.port === undefined ? context.config.port : check.port('port', given.port),
    host: decideHost(given.host ?? context.config.host),
    ...times(given),
    endpoints: endpoints(given.healthEndpoints),
    installSignalHandlers: on('installSignalHandlers', given.installSignalHandlers),
    systemd: on('systemd', given.systemd),
    logger: logger(given.logger),
    clustered: given.workers !== undefined,
    workers: workers(given.workers),
    respawnWorkers: on('respawnWorkers', given.respawnWorkers),
    workerEnv: workerEnv(given.workerEnv),
  };
}

/** @param {Options} options */
function addressOf({ host, port }) {
  return path.isAbsolute(host) ? { path: host } : { host, port };
}

module.exports = { addressOf, resolveOptions };
