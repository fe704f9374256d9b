/**
 * What takes connections in the primary in proxy mode: a thread of Rust, which forwards them to the workers' ports.
 *
 * Here it is told which workers there are, and asked what it has done. Connections pass through here only where a
 * strategy of the user's own has to be asked, and then their heads alone. If the primary dies, the thread dies
 * with it; if its loop is blocked, the thread goes on, and chooses by the default strategy what would have to be asked.
 */

/** @import { FrontOptions, Probe, Seat } from '../front.js' */

const { lookup } = require('node:dns/promises');
const { Socket, isIP } = require('node:net');
const { getSystemErrorName } = require('node:util');
const { createError } = require('../../errors.js');
const { nameOf, publicAddress } = require('../../http/listener.js');
const { NativeProxy } = require('../../native/loader.js');
const { askStrategy } = require('../custom-strategy.js');
const { builtInStrategy, defaultLoadBalancer } = require('../strategies.js');
const { parseRequestHead } = require('../request-head.js');

const headers = { v1: 1, v2: 2 };
/** How long a strategy of the user's own may take. */
const ANSWER_MS = 1000;
/** How often what workers have reported is passed on, and what the thread has counted is passed back. */
const EXCHANGE_MS = 250;
const NOBODY = -1;

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

/** What the thread is told, whichever way it brings connections to workers. @typedef {import('../../native/addon').NativeProxy | import('../../native/addon').NativeHandoff} Thread */

class ProxyFront {
  #options;
  #thread;
  /** The seats that get connections, by the id of the candidate. @type {Map<string, Seat>} */
  #ready = new Map();
  #counted = [0, 0];
  #asked = 0;
  /** @type {NodeJS.Timeout | undefined} */
  #exchange;

  /**
   * @param {FrontOptions} options
   * @param {Thread} thread
   */
  constructor(options, thread = new NativeProxy()) {
    this.#options = options;
    this.#thread = thread;
  }

  get config() {
    return this.#options.config;
  }

  /** What this way alone has to know. @returns {Record<string, unknown>} */
  get ownOptions() {
    const { allowHalfOpen, proxyProtocol } = this.config;
    return { halfOpen: allowHalfOpen, header: proxyProtocol ? headers[proxyProtocol] : 0 };
  }

  /** Takes the public address, and accepts nothing yet. */
  async bind() {
    const { config, fd } = this.#options;
    const { host, port } = config;
    const strategy = builtInStrategy(config.loadBalancer ?? defaultLoadBalancer);
    // Where it has to be asked, the default chooses for it when it fails.
    const { number, weights } = strategy ?? { number: 0, weights: [] };
    const options = /** @type {any} */ ({
      strategy: number,
      weights: [...weights],
      ...this.ownOptions,
      inspectionMs: config.requestInspectionTimeoutMs,
      headLimit: config.maxHeaderBytes,
      // A little more than the strategy has: so what is late is told by who asked.
      answerMs: ANSWER_MS * 1.5,
    });
    const address = fd === undefined ? await addressOf(host) : `fd:${fd}`;
    const failure = strategy
      ? this.#thread.bind(address, port, options)
      : this.#thread.bind(address, port, options, (...question) => this.#ask(...question));
    if (failure !== 0) throw bindFailure(publicAddress(config, fd), failure);
    this.#exchange = setInterval(() => this.#exchangeFigures(), EXCHANGE_MS).unref();
    return { host, port: this.#thread.port(), local: this.#thread.local() ?? undefined };
  }

  /** Workers listen on their own ports: they need not know of the front. @returns {Record<string, string>} */
  prepare() {
    return {};
  }

  /**
   * @param {Seat} _seat
   * @param {number} _pid
   */
  forked(_seat, _pid) {}

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
    if (address === undefined) return this.gone(seat);
    // It may have been drained, or have died, while its name was looked up.
    if (this.#ready.get(seat.id) === seat) this.#thread.ready(seat.seat, address, seat.port);
  }

  /**
   * No connection goes to this worker any more; those that it has end with it.
   *
   * @param {Seat} seat
   */
  async drain(seat) {
    this.withdraw(seat);
  }

  /** @param {Seat} seat */
  gone(seat) {
    this.withdraw(seat);
  }

  /** @param {Seat} seat */
  withdraw(seat) {
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

  /**
   * @param {Seat} seat
   * @returns {{ connections: number, inFlightRequests?: number, eventLoopLagMs?: number }}
   */
  load(seat) {
    return { connections: this.#thread.connections(seat.seat) };
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
      const chosen = await this.#choose(head, address ?? undefined, port);
      seat = this.#ready.get(chosen?.id ?? '')?.seat ?? NOBODY;
    } catch {
      // A logger or a sink that throws has nobody to tell it to; the connection is not to wait for it.
    }
    this.#thread.assign(id, seat);
  }

  /**
   * @param {Buffer} head
   * @param {string | undefined} remoteAddress
   * @param {number} port
   */
  #choose(head, remoteAddress, port) {
    const { config, candidates } = this.#options;
    const remotePort = remoteAddress === undefined ? undefined : port;
    const client = { remoteAddress, remotePort, limit: config.maxHeaderBytes };
    const context = {
      candidates: candidates(),
      request: parseRequestHead(head, client),
      socket: viewOfClient(remoteAddress, port),
      previousIndex: this.#asked++,
    };
    const options = { logger: config.logger, timeoutMs: ANSWER_MS };
    return askStrategy(config.loadBalancer ?? defaultLoadBalancer, context, options);
  }
}

/** @param {string} host a name, an address, or the path of a Unix socket */
async function addressOf(host) {
  if (host.startsWith('/') || isIP(host)) return host;
  const { address } = await lookup(host);
  return address;
}

/**
 * @param {import('../../http/listener.js').Address} address
 * @param {number} number the system's
 */
function bindFailure(address, number) {
  const name = nameOf(address);
  const code = getSystemErrorName(-number);
  const cause = Object.assign(new Error(`listen ${code}: ${name}`), {
    code,
    errno: -number,
    syscall: 'listen',
  });
  if (code === 'EADDRINUSE') return createError('FLOTILLA_ERR_ADDRESS_IN_USE', [name], { cause });
  return createError('FLOTILLA_ERR_LISTEN_FAILED', [name, code], { cause });
}

module.exports = { ProxyFront };
