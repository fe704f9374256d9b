/**
 * The configuration of `startServer`: what the program gave, checked first, over what the environment says, over
 * the defaults. A refused call changes nothing.
 */

/** @import { FromEnvironment, LoggerLike, ResolvedServerConfig, ServerConfigInput } from '../../index.js' */

const path = require('node:path');
const { adminOptions } = require('./admin-options.js');
const check = require('../base/check.js');
const { checkNames } = require('../base/option-names.js');
const { usableCores } = require('./cores.js');
const { builtInStrategy, leastLoadedLoadBalancer } = require('./strategies.js');
const { noopTelemetrySink } = require('./telemetry.js');

const MOST_WORKERS = 512;
const LONGEST_HEAD = 2 ** 20;
const levels = /** @type {const} */ (['debug', 'info', 'warn', 'error']);

/**
 * @param {unknown[]} values
 * @returns {(name: string, value: any) => any}
 */
const oneOf = (...values) => {
  const expected = values.map((value) => JSON.stringify(value)).join(' or ');
  return (name, value) => {
    if (values.includes(value)) return value;
    throw check.invalid(name, expected, value);
  };
};

/**
 * @param {string} name
 * @param {any} value
 */
function strings(name, value) {
  if (Object.values(check.record(name, value)).every((each) => typeof each === 'string')) return { ...value };
  throw check.invalid(name, 'an object of strings', value);
}

/**
 * @param {readonly string[]} methods
 * @param {boolean} all whether each of them is needed
 * @returns {(name: string, value: any) => any}
 */
const having = (methods, all) => (name, value) => {
  check.record(name, value);
  for (const method of methods) {
    if (all || value[method] !== undefined) check.callable(`${name}.${method}`, value[method]);
  }
  return value;
};

/** @type {Record<keyof ServerConfigInput, (name: string, value: any) => unknown>} */
const checks = {
  host: check.text,
  port: check.port,
  workerHost: check.text,
  baseWorkerPort: check.port,
  workers: (name, value) => (value === 'auto' ? value : check.whole(1, MOST_WORKERS)(name, value)),
  requestInspectionTimeoutMs: check.milliseconds,
  maxHeaderBytes: check.whole(1, LONGEST_HEAD),
  allowHalfOpen: check.flag,
  workerHeartbeatIntervalMs: check.interval,
  workerHeartbeatStaleAfterMs: check.interval,
  gracefulShutdownTimeoutMs: check.milliseconds,
  respawnWorkers: check.flag,
  loadBalancer: check.callable,
  logger: having(levels, false),
  workerEnv: strings,
  installSignalHandlers: check.flag,
  telemetry: having(['incrementCounter', 'recordHistogram', 'setGauge'], true),
  mode: oneOf('auto', 'handoff', 'proxy'),
  rebalance: check.flag,
  proxyProtocol: oneOf(false, 'v1', 'v2'),
  admin: adminOptions,
};

const names = Object.keys(checks);

/** What a server takes beside, that was made by `createServer`. */
const lifecycleNames = [
  'app',
  'shutdownDelayMs',
  'readyTimeoutMs',
  'healthCheckTimeoutMs',
  'healthEndpoints',
  'systemd',
];

const OF_CONTEXT = 'it belongs to createContext';
const OF_SERVER = 'give an http.Server or an https.Server that was made with it';

/** Options of others, for those that look for them here. */
const elsewhere = new Map(
  Object.entries({
    resources: OF_CONTEXT,
    health: OF_CONTEXT,
    key: OF_SERVER,
    cert: OF_SERVER,
    keepAliveTimeout: OF_SERVER,
    requestTimeout: OF_SERVER,
    instances: 'it is "workers"',
    env: 'it is "workerEnv"',
  }),
);
const elsewhereOfStartServer = new Map([
  ...elsewhere,
  ...lifecycleNames.map((name) => /** @type {const} */ ([name, 'it belongs to createServer'])),
]);

/**
 * Refuses options that a server of `createServer` does not have.
 *
 * @param {string} what takes them
 * @param {object} given
 */
const checkServerNames = (what, given) => checkNames(what, given, [...names, ...lifecycleNames], elsewhere);

const defaults = {
  requestInspectionTimeoutMs: 10,
  maxHeaderBytes: 16_384,
  allowHalfOpen: true,
  workerHeartbeatIntervalMs: 60_000,
  workerHeartbeatStaleAfterMs: 150_000,
  gracefulShutdownTimeoutMs: 10_000,
  respawnWorkers: true,
  installSignalHandlers: true,
  telemetry: noopTelemetrySink,
  mode: /** @type {const} */ ('auto'),
  proxyProtocol: /** @type {const} */ (false),
  admin: /** @type {const} */ (false),
};

/** What the program has given so far. @type {ServerConfigInput} */
let given = {};

/**
 * What of a configuration counts: the fields that are known and not undefined.
 *
 * @param {FromEnvironment<ServerConfigInput>} next
 * @returns {ServerConfigInput}
 */
function checked(next) {
  /** @type {Record<string, unknown>} */
  const known = {};
  for (const name of /** @type {(keyof ServerConfigInput)[]} */ (Object.keys(checks))) {
    if (next[name] !== undefined) known[name] = checks[name](name, next[name]);
  }
  return known;
}

/** @param {string[]} names */
const variable = (...names) => names.map((name) => process.env[name]).find((value) => value);

/** @param {string[]} names */
function portVariable(...names) {
  const name = names.find((each) => process.env[each]);
  return name === undefined ? undefined : check.port(`the environment variable ${name}`, process.env[name]);
}

/** Where a server listens that was not told. */
const defaultHost = () => variable('HOST', 'LISTEN_HOST') ?? '0.0.0.0';
const defaultPort = () => portVariable('PORT', 'LISTEN_PORT') ?? 3000;

/**
 * @param {Partial<LoggerLike>} [partial]
 * @returns {LoggerLike}
 */
function wholeLogger(partial = console) {
  const logger = /** @type {LoggerLike} */ ({});
  for (const level of levels) {
    // The console's methods are looked up at each call: tests and tools replace them.
    logger[level] = (...args) => {
      const method = partial[level];
      if (method) method.apply(partial, args);
      else console[level](...args);
    };
  }
  return logger;
}

/**
 * @param {ServerConfigInput} input
 * @returns {ResolvedServerConfig}
 */
function resolve(input) {
  const { workers = 'auto', loadBalancer } = input;
  const config = {
    ...defaults,
    host: defaultHost(),
    port: input.port ?? defaultPort(),
    workerHost: variable('WORKER_HOST') ?? '127.0.0.1',
    baseWorkerPort: input.baseWorkerPort ?? portVariable('BASE_WORKER_PORT') ?? 3001,
    rebalance: loadBalancer === leastLoadedLoadBalancer,
    ...input,
    workers: workers === 'auto' ? usableCores() : workers,
    logger: wholeLogger(input.logger),
    workerEnv: { ...input.workerEnv },
    // It was checked, and has all its fields.
    admin: /** @type {ResolvedServerConfig['admin']} */ (input.admin ?? false),
  };
  if (config.rebalance && loadBalancer && builtInStrategy(loadBalancer)?.by !== undefined) {
    const expected = 'false with stickyLoadBalancer: what is moved from a busy worker belongs to that worker';
    throw check.invalid('rebalance', expected, true);
  }
  if (config.mode === 'handoff' && config.proxyProtocol !== false) {
    const expected = "'proxy' or 'auto' with proxyProtocol: a handed-over connection has no header";
    throw check.invalid('mode', expected, config.mode);
  }
  if (config.host.startsWith('/') || !path.isAbsolute(config.host)) return config;
  throw check.invalid('host', 'a name, an address, or the path of a Unix socket', config.host);
}

/**
 * @param {FromEnvironment<ServerConfigInput>} next
 * @returns {ResolvedServerConfig}
 */
function setServerConfig(next) {
  checkNames(
    'the configuration of startServer',
    check.record('the configuration', next),
    names,
    elsewhereOfStartServer,
  );
  const merged = { ...given, ...checked(next) };
  const resolved = resolve(merged);
  given = merged;
  return resolved;
}

/**
 * The configuration of a server that is not the one of `startServer`: what was given to that does not count.
 *
 * @param {ServerConfigInput} input
 * @returns {ResolvedServerConfig}
 */
const serverConfig = (input) => resolve(checked(input));

/** @returns {ResolvedServerConfig} */
const getServerConfig = () => resolve(given);

module.exports = {
  checkServerNames,
  checked,
  defaultHost,
  defaultPort,
  getServerConfig,
  serverConfig,
  setServerConfig,
  wholeLogger,
};
