/**
 * What takes connections in the primary on Linux: a thread of Rust, with one of two carriers, which hands connections
 * over to workers or forwards their bytes.
 *
 * Here it is told which workers there are, and asked what it has done. Connections pass through here only where a
 * strategy of the user's own has to be asked, and then their heads alone. If the primary dies, the thread dies
 * with it; if its loop is blocked, the thread goes on, and chooses by the default strategy what would have to be asked.
 */

/** @import { FrontOptions, Probe, Seat } from '../front.js' */

const { Socket, isIP } = require('node:net');
const { setTimeout: pause } = require('node:timers/promises');
const { getSystemErrorName } = require('node:util');
const { listenFailure, nameOf } = require('../../http/listen-failure.js');
const { publicAddress } = require('../../http/listener.js');
const native = require('../../native/loader.js');
const { ANSWER_MS, Choice } = require('../custom-strategy.js');
const { builtInStrategy, defaultLoadBalancer, headMs } = require('../strategies.js');

/** How often what workers have reported is passed on, and what the thread has counted is passed back. */
const EXCHANGE_MS = 250;
const NOBODY = -1;
/** How soon it is looked again whether the thread has done what it was told. */
const LOOK_MS = 1;
/** The same, where connections end one by one. */
const PART_LOOK_MS = 20;
/** For how long a worker that is to be drained is waited for. */
const DRAIN_MS = 1000;

/**
 * How connections get to workers: what the thread and the workers have to know of it, and what is different for it.
 *
 * @typedef {object} Carrier
 * @property {Pick<Parameters<InstanceType<typeof native.NativeFront>['bind']>[2], 'handoff' | 'proxy'>} options
 * @property {boolean} meets whether a worker's process has to meet the thread, so that it is handed connections
 * @property {boolean} tellsOfRequests whether workers tell the thread of their requests, and of their event loop
 * @property {boolean} hasOwnConnections whether connections are the thread's own, and may outlast the workers
 */

/**
 * A client's socket as strategies may look at it: its addresses. The connection itself is the thread's.
 *
 * @param {string | undefined} remoteAddress
 * @param {number} remotePort
 */
function viewOfClient(remoteAddress, remotePort) {
  const family = remoteAddress && (isIP(remoteAddress) === 6 ? 'IPv6' : 'IPv4');
  const fixed = (/** @type {unknown} */ value) => ({ value, enumerable: true });
  return Object.defineProperties(new Socket(), {
    remoteAddress: fixed(remoteAddress),
    remotePort: fixed(remoteAddress && remotePort),
    remoteFamily: fixed(family),
  });
}

class NativeFront {
  #options;
  #carrier;
  #thread = new native.NativeFront();
  /** For whoever shows what it has counted. */
  thread = this.#thread;
  /** The seats that get connections, by the id of the candidate. @type {Map<string, Seat>} */
  #ready = new Map();
  #counted = [0, 0];
  #choice;
  /** @type {NodeJS.Timeout | undefined} */
  #exchange;

  /**
   * @param {FrontOptions} options
   * @param {Carrier} carrier
   */
  constructor(options, carrier) {
    this.#options = options;
    this.#choice = new Choice(options.config);
    this.#carrier = carrier;
  }

  /** Takes the public address, and accepts nothing yet. */
  async bind() {
    const { config, fd } = this.#options;
    const { host, port } = config;
    const strategy = builtInStrategy(config.loadBalancer ?? defaultLoadBalancer);
    // Where it has to be asked, the default chooses for it when it fails.
    const { number, weights, by } = strategy ?? { number: 0, weights: [], by: undefined };
    const options = {
      ...this.#carrier.options,
      strategy: number,
      weights: [...weights],
      sticky: by,
      inspectionMs: headMs(config),
      headLimit: config.maxHeaderBytes,
      // A little more than the strategy has: so what is late is told by who asked.
      answerMs: ANSWER_MS * 1.5,
    };
    const address = fd === undefined ? await this.#publicHost(host) : `fd:${fd}`;
    const failure = strategy
      ? this.#thread.bind(address, port, options)
      : this.#thread.bind(address, port, options, (...question) => this.#ask(...question));
    if (failure !== 0) throw await bindFailure(publicAddress(config, fd), failure);
    this.#exchange = setInterval(() => this.#exchangeFigures(), EXCHANGE_MS).unref();
    return { host, port: this.#thread.port(), local: this.#thread.local() ?? undefined };
  }

  /** @param {string} host */
  async #publicHost(host) {
    try {
      return await addressOf(host);
    } catch (cause) {
      throw await listenFailure(publicAddress(this.#options.config), cause);
    }
  }

  /** @param {Seat} seat */
  prepare(seat) {
    return this.#carrier.meets ? this.#thread.rendezvous(seat.seat) : undefined;
  }

  /**
   * Meets a worker that has inherited its descriptor for another front.
   *
   * @param {Seat} seat
   * @param {InstanceType<typeof native.NativeFront>} other
   * @returns {boolean} whether connections are handed to it
   */
  meet(seat, other) {
    if (this.#carrier.meets) this.#thread.meet(seat.seat, other);
    return this.#carrier.meets;
  }

  /**
   * @param {Seat} seat
   * @param {number} pid
   */
  forked(seat, pid) {
    this.#thread.seated(seat.seat, pid, seat.workerIndex);
  }

  /**
   * Connections may go to this worker from now on.
   *
   * @param {Seat} seat
   */
  async ready(seat) {
    this.#ready.set(seat.id, seat);
    const address = await addressOf(seat.host).catch((error) => {
      this.#options.config.logger.warn(`flotilla: ${seat.id} cannot be found at ${seat.host}`, error);
    });
    if (address === undefined) return this.#withdraw(seat);
    // It may have been drained, or have died, while its name was looked up.
    if (this.#ready.get(seat.id) === seat) this.#thread.ready(seat.seat, address, seat.port);
  }

  /**
   * No connection goes to this worker any more. Resolves when what it was given, and did not take, has gone to others.
   *
   * @param {Seat} seat
   */
  async drain(seat) {
    this.#withdraw(seat);
    // A worker that is blocked takes nothing, and is not waited for: what it has not taken goes to others at its end.
    const until = performance.now() + DRAIN_MS;
    while (this.#thread.serves(seat.seat) && performance.now() < until) await pause(LOOK_MS);
  }

  /**
   * Lets the connections of a worker end as they fall quiet, that does not see to them itself.
   *
   * @param {Seat} seat
   * @param {number} withinMs
   */
  async part(seat, withinMs) {
    this.#withdraw(seat);
    this.#thread.part(seat.seat);
    const until = performance.now() + withinMs;
    const left = () => this.load(seat).connections;
    while (left() > 0 && performance.now() < until) await pause(PART_LOOK_MS);
    return left();
  }

  /** The worker's process has ended. @param {Seat} seat */
  gone(seat) {
    this.#withdraw(seat);
    this.#thread.gone(seat.seat);
  }

  /** @param {Seat} seat */
  #withdraw(seat) {
    if (this.#ready.get(seat.id) === seat) this.#ready.delete(seat.id);
    this.#thread.withdraw(seat.seat);
  }

  /**
   * What the thread itself answers, to those whom no worker takes or answers in time, or while there is none.
   *
   * @param {Probe[]} probes
   */
  setProbes(probes) {
    this.#thread.setProbes(
      probes.map(({ path }) => path),
      probes.map(({ status }) => status),
      probes.map(({ body }) => body),
    );
  }

  /** Begins to accept, as soon as a worker is ready. */
  open() {
    this.#thread.open();
  }

  /** Stops accepting. Connections that are there stay until their workers end, or this process does. */
  async close() {
    this.#thread.close();
    clearInterval(this.#exchange);
    if (this.#exchange) this.#exchangeFigures();
  }

  /** Ends the thread, where all connections that matter are the workers'. Those that none has taken are closed. */
  stop() {
    if (!this.#carrier.hasOwnConnections) this.#thread.stop();
  }

  /** @param {Seat} seat */
  load(seat) {
    const [connections, , inFlightRequests, eventLoopLagMs] = this.#thread.load(seat.seat);
    return this.#carrier.tellsOfRequests
      ? { connections, inFlightRequests, eventLoopLagMs }
      : { connections };
  }

  /** What has happened to connections since the beginning, and how many are held beside their worker now. */
  counts() {
    const [accepted, failed, refused, takenBack, moved, adopted, held] = this.#thread.counts();
    return { accepted, failed, refused, takenBack, moved, adopted, held };
  }

  #exchangeFigures() {
    const { candidates, count } = this.#options;
    for (const { id, stats } of candidates()) {
      const seat = this.#ready.get(id);
      if (!seat || !stats) continue;
      const { eventLoopLagMs = 0, cpuPercent, heapUsedBytes, heapTotalBytes } = stats;
      this.#thread.report(seat.seat, eventLoopLagMs, cpuPercent, heapUsedBytes, heapTotalBytes);
    }
    const [accepted, failed] = this.#thread.counts();
    const [acceptedBefore, failedBefore] = this.#counted;
    this.#counted = [accepted, failed];
    if (accepted > acceptedBefore) count('connections', accepted - acceptedBefore);
    if (failed > failedBefore) count('proxy_errors', failed - failedBefore);
  }

  /**
   * @param {number} id
   * @param {Buffer} head
   * @param {string | null | undefined} address
   * @param {number} port
   * @param {number} waitedMs
   */
  async #ask(id, head, address, port, waitedMs) {
    let seat = NOBODY;
    try {
      this.#options.record('prelude_duration_ms', waitedMs);
      const client = viewOfClient(address ?? undefined, port);
      const chosen = await this.#choice.among(this.#options.candidates(), head, client);
      seat = this.#ready.get(chosen?.id ?? '')?.seat ?? NOBODY;
    } catch {
      // A logger or a sink that throws has nobody to tell it to; the connection is not to wait for it.
    }
    this.#thread.assign(id, seat);
  }
}

/** @param {string} host a name, an address, or the path of a Unix socket */
async function addressOf(host) {
  if (host.startsWith('/') || isIP(host)) return host;
  const { address } = await require('node:dns/promises').lookup(host);
  return address;
}

/**
 * @param {import('../../http/listener.js').Address} address
 * @param {number} number the system's
 */
function bindFailure(address, number) {
  const code = getSystemErrorName(-number);
  const message = `listen ${code}: ${nameOf(address)}`;
  const cause = Object.assign(new Error(message), { code, errno: -number, syscall: 'listen' });
  return listenFailure(address, cause);
}

module.exports = { NativeFront };
