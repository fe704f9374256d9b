/** The options of a server: checked, and with a value for each that was not given. */

/** @import { LoggerLike, ResolvedServerConfig } from '../../index.js' */
/** @import { AnyContext } from './context.js' */

const { checkServerNames, checked, defaultHost, serverConfig, wholeLogger } = require('../cluster/config.js');
const check = require('../base/check.js');
const { checkFactory } = require('../http/kinds.js');
const { checkNames } = require('../base/option-names.js');

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
 * @property {import('../../index.js').ResolvedAdminOptions | false} admin where it is shown
 * @property {ResolvedServerConfig} [balance] how connections go to workers, in a clustered server
 * @property {Manner} manner
 */
/**
 * In what a clustered server of the lifecycle and that of `startServer` differ.
 *
 * @typedef {object} Manner
 * @property {boolean} waitsForAll whether it has started when all its workers are ready, or the first is
 * @property {boolean} refuses whether it refuses what comes while it ends, or takes no connections any more and answers all
 *   that those bring which are there
 * @property {boolean} listens whether the application of each worker listens, on a port of its own
 * @property {boolean} takesSockets whether connections can be handed to the application
 * @property {number} readyMs how long a worker may take to get ready
 */

/** A program gets this long to load, beside what its checks may take. */
const loadingMs = 10_000;

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
  checkNames('healthEndpoints', check.record('healthEndpoints', given), [...kinds, 'port']);
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

/**
 * @param {string} name
 * @param {unknown} value
 */
function on(name, value) {
  return value === undefined ? true : check.flag(name, value);
}

/** @param {{ readyTimeoutMs: number }} times @returns {Manner} */
const ofLifecycle = ({ readyTimeoutMs }) => ({
  waitsForAll: true,
  refuses: true,
  listens: false,
  // A server of the lifecycle takes them, whatever application stands behind it.
  takesSockets: true,
  readyMs: loadingMs + readyTimeoutMs,
});

/**
 * @param {AnyContext} context
 * @param {any} given
 * @param {string} what takes these options
 * @returns {Options}
 */
function resolveOptions(context, given, what) {
  checkServerNames(what, check.record('options', given));
  const app = given.app ?? context.config.app;
  if (app === undefined) {
    throw check.invalid('app', 'given, in the options or in the configuration of the context', app);
  }
  const { app: _app, ...asked } = given;
  // What is of a clustered server alone counts for nothing in another, but what is wrong is wrong.
  const known = checked(asked);
  const { port = context.config.port, host = context.config.host ?? defaultHost() } = known;
  const decided = { port, host, ...times(given), logger: wholeLogger(given.logger) };
  return {
    app: checkFactory(app),
    ...decided,
    endpoints: endpoints(given.healthEndpoints),
    installSignalHandlers: on('installSignalHandlers', given.installSignalHandlers),
    systemd: on('systemd', given.systemd),
    admin: /** @type {Options['admin']} */ (known.admin ?? false),
    balance: given.workers === undefined ? undefined : serverConfig({ ...asked, ...decided }),
    manner: ofLifecycle(decided),
  };
}

module.exports = { resolveOptions };
