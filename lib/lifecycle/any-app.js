/**
 * Any program on several processes, unchanged: the primary without user code. It forks workers that load `flotilla/register`
 * before the program, takes the addresses that the program listens on, and starts, restarts, scales and stops the workers.
 *
 * It is a clustered server of the lifecycle whose addresses are learned from its workers. Everything that changes which
 * workers there are has its turn after what was asked before. Whoever calls has loaded the library, so that the workers' caches
 * have a segment that outlives them. If this process dies, Node ends the workers.
 */

/** @import { HealthReport, LoadBalancerFunction, LoggerLike, ServerState } from '../../index.js' */
/** @import { Limits } from './recycling.js' */

const cluster = /** @type {import('node:cluster').Cluster} */ (
  /** @type {unknown} */ (require('node:cluster'))
);
const { EventEmitter } = require('node:events');
const { serverConfig } = require('../cluster/config.js');
const { AnyAppService } = require('./any-app-service.js');
const { createContext } = require('./context.js');
const { Fleet } = require('./fleet.js');
const { resolveOptions } = require('./options.js');

/** How much longer than the worker itself the primary waits for one that does not get ready. */
const sayWhyMs = 1000;

/**
 * @typedef {object} AnyAppOptions
 * @property {string} script the program's file
 * @property {string[]} [args] its arguments
 * @property {string[]} [execArgv] those of Node.js; without it, those of this process
 * @property {string} [cwd]
 * @property {Record<string, string | undefined>} [env] beside the environment of this process; `undefined` takes one away
 * @property {number | 'auto'} [workers]
 * @property {number} [grace] milliseconds that requests may take when workers end
 * @property {number} [delay] milliseconds that it goes on serving after it was told to stop
 * @property {LoadBalancerFunction} [strategy]
 * @property {'auto' | 'handoff' | 'proxy'} [mode]
 * @property {boolean} [rebalance]
 * @property {false | 'v1' | 'v2'} [proxyProtocol] a header that the program reads itself
 * @property {number} [inspectionTimeout] milliseconds that a connection may take to say what it asks for
 * @property {number} [maxHeaderBytes] how much of that is looked at
 * @property {boolean} [respawn] whether workers that die are replaced; true
 * @property {import('../../index.js').AdminOptions | false} [admin] where it is shown
 * @property {false | { health?: string | false, ready?: string | false, live?: string | false, port?: number }} [healthEndpoints]
 *   none where it is not given: the program's own paths are the program's
 * @property {'listen' | 'message' | string} [ready] when a worker is: with its first listen, by `process.send('ready')`, or
 *   when this path answers
 * @property {number} [readyTimeout] milliseconds
 * @property {Limits} [recycle] when a worker is replaced
 * @property {boolean} [signals] whether SIGTERM and SIGINT stop it, and SIGUSR2 restarts it; true
 * @property {boolean} [systemd] true
 * @property {'inherit' | 'lines'} [output] `'lines'`: what workers write is told of by the event `line`
 * @property {LoggerLike} [logger]
 */
/**
 * @typedef {object} WorkerStatus
 * @property {number} index
 * @property {number} pid
 * @property {'starting' | 'raised' | 'ready' | 'leaving'} state
 * @property {number} generation
 * @property {number} restarts how often its place was filled anew since the start
 * @property {number} uptimeMs
 * @property {number} [rssBytes]
 * @property {number} [heapUsedBytes]
 * @property {number} [cpuPercent]
 * @property {number} [eventLoopLagMs]
 * @property {number} connections
 * @property {number} inFlightRequests
 * @property {number} [servedRequests]
 */
/**
 * @typedef {object} AddressStatus
 * @property {string} name `127.0.0.1:3000`, or the path of a Unix socket
 * @property {string} host
 * @property {number} port 0 of a Unix socket
 * @property {'handoff' | 'proxy'} mode
 * @property {string} [why] of a forwarded one
 */
/**
 * @typedef {object} AnyAppStatus
 * @property {ServerState} state
 * @property {number} generation
 * @property {number} wanted how many workers there should be
 * @property {WorkerStatus[]} workers
 * @property {AddressStatus[]} addresses
 * @property {Record<string, number>} connections `accepted`, `failed`, `refused`, `takenBack`, `moved`, `adopted`, `held`
 */
/**
 * What a restart has done.
 *
 * @typedef {object} Restarted
 * @property {number} generation
 * @property {number} workers
 * @property {number} moved connections that went on with new workers
 * @property {number} cut workers of the old generation that had to cut requests
 * @property {number} ms
 */

class AnyApp extends EventEmitter {
  #options;
  #service;
  #fleet;

  /**
   * Its events: `line` ({ worker, pid, stream, line }), `death` ({ worker, pid, error }), `note` ({ text }) of what is
   * forwarded and why, `listening` (an AddressStatus), `state` (a ServerState), `recycled` ({ worker, reason }).
   *
   * @param {AnyAppOptions} options
   */
  constructor(options) {
    super();
    this.#options = options;
    const decided = decide(options);
    this.#service = new AnyAppService(decided, options, (name, ...args) => this.#hear(name, args));
    this.#fleet = new Fleet(createContext({ port: 0 }), [this.#service]);
  }

  /**
   * @param {string} name
   * @param {any[]} args
   */
  #hear(name, args) {
    return name === 'worn' ? this.#recycle(args[0], args[1]) : this.emit(name, ...args);
  }

  /**
   * @param {import('../cluster/post.js').Instance} post
   * @param {string} reason
   */
  async #recycle({ seat, state, pid }, reason) {
    const { workerIndex } = seat;
    if (state !== 'ready') return;
    try {
      await this.restartWorker(workerIndex);
      this.emit('recycled', { worker: workerIndex, pid, reason });
    } catch (error) {
      this.emit('death', { error });
      throw error;
    }
  }

  /** Resolves when the first worker is ready; rejects, with nothing left, where none gets ready. */
  async start() {
    const { script, args = [], execArgv = process.execArgv, cwd, output } = this.#options;
    cluster.setupPrimary({
      exec: script,
      args,
      execArgv: [...execArgv, '--require', require.resolve('../doors/register.js')],
      silent: output === 'lines',
      ...(cwd === undefined ? undefined : { cwd }),
    });
    await this.#fleet.start([this.#service]);
  }

  /**
   * All workers anew, with new code and, where it is given, a new environment. Where the new ones do not get ready, the old
   * ones serve on, with their environment, and this rejects.
   *
   * @param {{ env?: Record<string, string | undefined> }} [what]
   * @returns {Promise<Restarted>}
   */
  async restart({ env } = {}) {
    const began = performance.now();
    const before = this.#service.counts().moved ?? 0;
    const cut = await this.#service.withEnvironment(env, () => this.#fleet.restart([this.#service]));
    const { generation, workers } = this.status();
    const moved = (this.#service.counts().moved ?? 0) - before;
    return { generation, workers: workers.length, moved, cut, ms: performance.now() - began };
  }

  /** @returns {Promise<boolean>} whether every request that was under way got its answer */
  async stop() {
    return this.#fleet.stop([this.#service]);
  }

  /** @param {number} workers how many there should be from now on; resolves when there are */
  async scale(workers) {
    await this.#fleet.alter(() => this.#service.scale(workers));
  }

  /**
   * Raises a successor, and ends the worker when that is ready.
   *
   * @param {number} index
   */
  async restartWorker(index) {
    await this.#fleet.alter(() => this.#service.renew(index));
  }

  /** @returns {AnyAppStatus} */
  status() {
    return this.#service.status();
  }

  /** @returns {Promise<HealthReport>} that of all workers */
  health() {
    return this.#service.health();
  }
}

/**
 * @param {AnyAppOptions} given
 * @returns {import('./options.js').Options}
 */
function decide(given) {
  const { grace = 10_000, delay = 0, readyTimeout = 30_000, signals = true, systemd = true } = given;
  const {
    workers = 'auto',
    strategy,
    mode,
    rebalance,
    proxyProtocol,
    logger,
    healthEndpoints = false,
  } = given;
  const asked = definedOnly({
    port: 0,
    host: '0.0.0.0',
    gracefulShutdownTimeoutMs: grace,
    shutdownDelayMs: delay,
    readyTimeoutMs: readyTimeout,
    workers,
    loadBalancer: strategy,
    mode,
    rebalance,
    proxyProtocol,
    logger,
    healthEndpoints,
    requestInspectionTimeoutMs: given.inspectionTimeout,
    maxHeaderBytes: given.maxHeaderBytes,
    respawnWorkers: given.respawn,
    admin: given.admin,
    installSignalHandlers: signals,
    systemd,
    // Where a worker listens that connections are forwarded to is nobody's address.
    baseWorkerPort: 0,
    workerHeartbeatIntervalMs: 1000,
  });
  const options = resolveOptions(createContext({ port: 0 }), { app: () => {}, ...asked }, 'the app');
  return {
    ...options,
    balance: { ...serverConfig(asked), ...options.balance },
    manner: {
      ...options.manner,
      waitsForAll: false,
      refuses: false,
      takesSockets: true,
      readyMs: readyTimeout + sayWhyMs,
    },
  };
}

/** @param {Record<string, unknown>} object @returns {any} */
const definedOnly = (object) =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));

/** @param {AnyAppOptions} options */
const anyApp = (options) => new AnyApp(options);

module.exports = { anyApp };
