/**
 * The workers of a program that was never written for this, as the primary has them: a clustered server whose addresses are
 * those that its workers ask for.
 *
 * What a worker says is looked at before it is believed. An address is taken here before a worker hears that it may listen
 * there, and is given to no connection before the worker is ready.
 */

/** @import { Instance as Post } from '../cluster/post.js' */
/** @import { Place } from '../cluster/fronts/several.js' */
/** @import { AddressStatus, AnyAppOptions, AnyAppStatus, WorkerStatus } from './any-app.js' */
/** @import { Options } from './options.js' */

const cluster = /** @type {import('node:cluster').Cluster} */ (
  /** @type {unknown} */ (require('node:cluster'))
);
const { isIP } = require('node:net');
const { constants } = require('node:os');
const check = require('../base/check.js');
const { SeveralFronts, numberOf } = require('../cluster/fronts/several.js');
const { forwards } = require('../cluster/front.js');
const { reportEveryMs } = require('../cluster/reporter.js');
const seats = require('../cluster/seat.js');
const { lines } = require('./lines.js');
const { Recycling } = require('./recycling.js');
const { ClusteredService } = require('./clustered-service.js');

const MOST_WORKERS = 512;
/** A signal for all processes reaches workers as well: it is waited whether this one gets it too. */
const sameSignalMs = 250;

/**
 * @param {any} told by a worker
 * @returns {import('../cluster/fronts/several.js').Address | undefined}
 */
function readAddress({ key, host, port, fd, mode }) {
  const isWell =
    typeof key === 'string' &&
    (host === null || typeof host === 'string') &&
    Number.isInteger(port) &&
    port >= 0 &&
    port < 65_536 &&
    [fd, mode].every((each) => each === undefined || (Number.isInteger(each) && each >= 0));
  return isWell ? { key, host, port, fd, mode } : undefined;
}

/** @param {{ host: string, port: number, local?: string }} at */
function nameOf({ host, port, local = host }) {
  if (host.startsWith('/')) return host;
  return `${local.includes(':') ? `[${local}]` : local}:${port}`;
}

class AnyAppService extends ClusteredService {
  #given;
  #out;
  /** @type {import('../cluster/fronts/several.js').Instance | undefined} */
  #fronts;
  /** What beside this process's environment each generation has. @type {Map<number, Record<string, string | undefined>>} */
  #environments = new Map();
  #environment;
  /** @type {Record<string, string | undefined> | undefined} that of the restart which is under way */
  #next;
  #generation = 1;
  /** By the keys of the addresses: what servers of one address share, such as the keys of TLS tickets. */
  #shared = new Map();
  /** How often each place was taken. @type {Map<number, number>} */
  #forks = new Map();
  /** Keys of addresses that were told of. */
  #told = new Set();
  #recycling;

  /**
   * @param {Options} options
   * @param {AnyAppOptions} given
   * @param {(name: string, ...args: any[]) => unknown} out hears what happens
   */
  constructor(options, given, out) {
    super(options, undefined, seats.ANY_APP);
    this.#given = given;
    this.#out = out;
    this.#environment = given.env ?? {};
    this.makeFront = (/** @type {import('../cluster/front.js').FrontOptions} */ each) => {
      this.#fronts = new SeveralFronts(each);
      return this.#fronts;
    };
    this.#recycling = new Recycling(given.recycle ?? {}, {
      posts: () => (this.state === 'ready' ? (this.pool?.serving ?? []) : []),
      lag: (post) => this.#fronts?.load(post.seat).eventLoopLagMs ?? 0,
      worn: (post, reason) => this.#out('worn', post, reason),
    });
  }

  /** Its events say what happens. @override */
  log() {}

  /** @override @param {import('./context.js').AnyContext} context @param {number} [fd] */
  async start(context, fd) {
    this.#generation = context.generation;
    cluster.on('fork', this.#forked);
    try {
      await super.start(context, fd);
    } catch (error) {
      cluster.off('fork', this.#forked);
      throw error;
    }
    this.#recycling.begin();
  }

  /** @override @param {import('./context.js').AnyContext} context */
  async prepare(context) {
    this.#environments.set(context.generation, this.#next ?? this.#environment);
    await super.prepare(context);
    this.#generation = context.generation;
  }

  /** @override */
  async stop() {
    this.#recycling.end();
    const answered = await super.stop();
    cluster.off('fork', this.#forked);
    return answered;
  }

  /**
   * @param {Record<string, string | undefined> | undefined} environment
   * @param {() => Promise<void>} restart
   * @returns {Promise<number>} how many of the old workers had to cut requests
   */
  async withEnvironment(environment, restart) {
    const old = this.pool?.all ?? [];
    this.#next = environment;
    try {
      await restart();
      if (environment) this.#environment = environment;
    } finally {
      this.#next = undefined;
    }
    return old.filter(({ answered }) => !answered).length;
  }

  /** @override @param {import('../cluster/front.js').Seat} seat @param {number} generation */
  environmentOf(seat, generation) {
    const { endpoints, gracefulShutdownTimeoutMs, healthCheckTimeoutMs, balance, manner } = this.options;
    const config = /** @type {import('../../index.js').ResolvedServerConfig} */ (balance);
    const { ready = 'listen', readyTimeout = 30_000, proxyProtocol } = this.#given;
    const { port: _port, ...paths } = endpoints;
    /** @type {import('./any-worker.js').Terms} */
    const terms = {
      endpoints:
        endpoints.port === undefined ? endpoints : { ...paths, health: false, ready: false, live: false },
      gracefulShutdownTimeoutMs,
      healthCheckTimeoutMs,
      allowHalfOpen: config.allowHalfOpen,
      keepsHeader: Boolean(proxyProtocol),
      reportEveryMs: reportEveryMs(config),
      readyMs: Math.min(readyTimeout, manner.readyMs),
      ready,
      expected: this.#expected(),
    };
    return {
      ...this.#environmentOf(generation),
      ...seats.environment(/** @type {any} */ ({ ...this.seatOf(seat, generation), terms })),
    };
  }

  /** @param {number} generation @returns {any} */
  #environmentOf(generation) {
    return this.#environments.get(generation) ?? this.#environment;
  }

  /** Where a worker has to listen that takes the place of another. */
  #expected() {
    const served = this.#fronts?.addresses.filter(({ isOpen, seats: all }) => isOpen && all.size > 0) ?? [];
    return served.map(({ address: { key }, at }) => ({ key, name: nameOf(/** @type {any} */ (at)) }));
  }

  /** @param {import('node:cluster').Worker} worker */
  #forked = (worker) => {
    const post = this.pool?.all.find((each) => each.worker === worker);
    if (!post) return;
    const { workerIndex } = post.seat;
    const { pid } = worker.process;
    this.#forks.set(workerIndex, (this.#forks.get(workerIndex) ?? 0) + 1);
    worker.once('exit', (code, signal) => this.#out('exit', { worker: workerIndex, pid, code, signal }));
    for (const stream of /** @type {const} */ (['stdout', 'stderr'])) {
      lines(worker.process[stream], (line) => this.#out('line', { worker: workerIndex, pid, stream, line }));
    }
  };

  /** @override @param {Post} post @param {any} message */
  heed(post, message) {
    switch (message?.type) {
      case 'flotilla:listen':
        return void this.#listen(post, message);
      case 'flotilla:seated':
        return void this.#seated(post, message);
      case 'flotilla:unseated':
        return void this.#fronts?.unseated(post.seat, String(message.key));
      case 'flotilla:replace':
        return void setTimeout(() => this.#replace(post, message), sameSignalMs).unref();
      default:
        return super.heed(post, message);
    }
  }

  /**
   * @param {Post} post
   * @param {any} message
   */
  #replace(post, { reason }) {
    if (this.state !== 'ready' || post.state !== 'ready') return;
    Promise.resolve(this.#out('worn', post, String(reason))).catch(() => {});
  }

  /**
   * @param {Post} post
   * @param {any} message
   */
  async #listen(post, message) {
    const address = readAddress(message);
    const fronts = this.#fronts;
    if (!address || !fronts) return;
    const answer = await fronts.ask(post.seat, address).then(
      ({ host, port, local, isHandedOver }) => ({
        isHandedOver,
        data: this.#share(address.key, message.data),
        ...(host.startsWith('/') && local === undefined
          ? undefined
          : { sockname: socknameOf(host, port, local) }),
      }),
      (error) => ({
        errno: numberOf(error) ?? -constants.errno.EINVAL,
        code: error?.code,
        text: String(error?.message),
      }),
    );
    post.send({ type: 'flotilla:answer', id: message.id, ...answer });
  }

  /**
   * @param {string} key
   * @param {unknown} data of the server that asks
   */
  #share(key, data) {
    if (!this.#shared.has(key) && data !== undefined) this.#shared.set(key, data);
    return this.#shared.get(key);
  }

  /**
   * @param {Post} post
   * @param {any} message
   */
  async #seated(post, { key, port }) {
    if (typeof key !== 'string' || !Number.isInteger(port)) return;
    const place = this.#fronts?.addresses.find((each) => each.address.key === key);
    await this.#fronts?.seated(post.seat, key, port);
    if (!place || this.#told.has(key)) return;
    this.#told.add(key);
    const status = this.#addressStatus(place);
    this.#out('listening', status);
    if (status.why)
      this.#out('note', { text: `${status.name} is forwarded, and not handed over: ${status.why}` });
  }

  /** @param {Place} place @returns {AddressStatus} */
  #addressStatus({ at }) {
    const { host, port, local = host } = /** @type {NonNullable<Place['at']>} */ (at);
    const { balance } = this.options;
    const config = /** @type {import('../../index.js').ResolvedServerConfig} */ (balance);
    const isForwarded = forwards(config, true);
    const why =
      config.mode === 'proxy'
        ? 'the mode is "proxy"'
        : config.proxyProtocol
          ? 'a header of the PROXY protocol is to be written before each connection'
          : 'connections can be handed over on Linux alone, where the system lets processes share memory';
    const address = { name: nameOf({ host, port, local }), host: local, port };
    return isForwarded ? { ...address, mode: 'proxy', why } : { ...address, mode: 'handoff' };
  }

  /** @param {number} workers */
  async scale(workers) {
    check.whole(1, MOST_WORKERS)('workers', workers);
    await this.scaleTo(workers);
  }

  /** @param {number} index */
  async renew(index) {
    await this.pool?.renew(check.whole(0, MOST_WORKERS)('worker', index));
  }

  counts() {
    return this.#fronts?.counts() ?? {};
  }

  /** Of all workers. */
  health() {
    return this.reportAll();
  }

  /** @returns {AnyAppStatus} */
  status() {
    const { pool } = this;
    return {
      state: this.state,
      generation: this.#generation,
      wanted: pool?.wanted ?? 0,
      workers: (pool?.all ?? [])
        .map((post) => this.#workerStatus(post))
        .sort((one, other) => one.index - other.index || one.pid - other.pid),
      addresses: (this.#fronts?.addresses ?? []).map((place) => this.#addressStatus(place)),
      connections: this.counts(),
    };
  }

  /** @param {Post} post @returns {WorkerStatus} */
  #workerStatus({ seat, pid, state, generation, stats }) {
    const { connections = 0, inFlightRequests = 0, eventLoopLagMs = 0 } = this.#fronts?.load(seat) ?? {};
    return {
      index: seat.workerIndex,
      pid: Number(pid),
      state: /** @type {WorkerStatus['state']} */ (state),
      generation,
      restarts: (this.#forks.get(seat.workerIndex) ?? 1) - 1,
      uptimeMs: stats ? stats.uptimeMs + Date.now() - stats.sampledAt : 0,
      connections,
      inFlightRequests,
      ...(stats && {
        rssBytes: stats.rssBytes,
        heapUsedBytes: stats.heapUsedBytes,
        cpuPercent: stats.cpuPercent,
        eventLoopLagMs: Math.max(stats.eventLoopLagMs ?? 0, eventLoopLagMs),
        servedRequests: stats.servedRequests,
      }),
    };
  }

  /** @override @param {any} name @param {any[]} args */
  tell(name, ...args) {
    if (name === 'error') return void this.#out('death', { error: args[0] });
    this.#out('state', this.state);
    super.tell(name, ...args);
  }
}

/**
 * @param {string} host
 * @param {number} port
 * @param {string} [local]
 */
function socknameOf(host, port, local = host) {
  return { address: local, family: isIP(local) === 6 ? 'IPv6' : 'IPv4', port };
}

module.exports = { AnyAppService };
