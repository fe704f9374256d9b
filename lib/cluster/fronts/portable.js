/**
 * What takes connections in the primary where there is no Linux: a proxy in JavaScript. It does what the one in Rust
 * does, through this process's event loop.
 *
 * The head of a connection is waited for and looked at, a strategy chooses, and from then on bytes are passed on in both
 * directions, at the pace of who reads them. If a worker refuses, the connection goes to another. If the primary dies, all
 * connections end.
 */

/** @import { Socket } from 'node:net' */
/** @import { FrontOptions, Seat } from '../front.js' */
/** @template {object} T @typedef {import('../../base/roster.js').Instance<T>} Members */

const net = require('node:net');
const { setTimeout: pause } = require('node:timers/promises');
const { Roster } = require('../../base/roster.js');
const { Choice } = require('../custom-strategy.js');
const { defaultLoadBalancer, headMs, needsHead } = require('../strategies.js');
const { lookAtHead } = require('../request-head.js');
const { Listener, publicAddress } = require('../../http/listener.js');
const { proxyHeader } = require('../../http/proxy-header.js');
const { isQuiet, watchTraffic } = require('../../http/traffic.js');

/** How long a worker may take to accept. */
const connectMs = 5000;
/** How often it is looked which connections are quiet. */
const LOOK_MS = 20;
/** Where a connection has its place among those of its worker. */
const PLACE = Symbol('place');

/** Waits for the first bytes, as many as make a head, and keeps them. */
class Prelude {
  /** @type {Buffer[]} */
  #chunks = [];
  #length = 0;

  /**
   * @param {Socket} socket
   * @param {number} limit
   * @param {number} waitMs
   */
  constructor(socket, limit, waitMs) {
    this.socket = socket;
    this.limit = limit;
    this.waitMs = waitMs;
  }

  get bytes() {
    if (this.#chunks.length !== 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0];
  }

  /** @returns {Promise<Buffer>} what has come, when it is a head, or cannot become one, or the time is over */
  read() {
    const { socket } = this;
    return new Promise((resolve) => {
      const settle = () => {
        clearTimeout(timer);
        socket.pause();
        socket.off('data', heed);
        socket.off('end', settle);
        socket.off('close', settle);
        resolve(this.bytes);
      };
      const heed = (/** @type {Buffer} */ chunk) => {
        this.#chunks.push(chunk);
        this.#length += chunk.length;
        if (this.#length >= this.limit || lookAtHead(this.bytes, this.limit) !== 'partial') settle();
      };
      const timer = setTimeout(settle, this.waitMs).unref();
      socket.on('data', heed);
      socket.once('end', settle);
      socket.once('close', settle);
      socket.resume();
    });
  }
}

/**
 * @param {string} host
 * @param {number} port
 * @returns {Promise<Socket | undefined>} nothing where nobody accepts
 */
function connect(host, port) {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port, allowHalfOpen: true, noDelay: true });
    const late = setTimeout(() => socket.destroy(), connectMs).unref();
    socket.once('connect', () => {
      clearTimeout(late);
      resolve(socket);
    });
    socket.once('error', () => {});
    socket.once('close', () => {
      clearTimeout(late);
      resolve(undefined);
    });
  });
}

/**
 * Passes bytes on in both directions until both have ended.
 *
 * @param {Socket} client
 * @param {Socket} worker
 * @param {boolean} halfOpen whether a client that has ended its side is still answered
 */
function join(client, worker, halfOpen) {
  for (const [one, other] of [
    [client, worker],
    [worker, client],
  ]) {
    one.pipe(other);
    one.on('error', () => other.resetAndDestroy());
    one.on('close', () => other.destroySoon());
  }
  if (!halfOpen) client.once('end', () => client.destroySoon());
}

class PortableFront {
  #options;
  #listener;
  #opened = false;
  /** Connections that came before the first worker was ready. @type {Socket[]} */
  #early = [];
  /** @type {Map<string, Seat>} */
  #ready = new Map();
  /** The connections of each seat. @type {Map<number, Members<Socket>>} */
  #connections = new Map();
  #choice;

  /** @param {FrontOptions} options */
  constructor(options) {
    this.#options = options;
    this.#choice = new Choice(options.config, defaultLoadBalancer);
    const { logger } = options.config;
    this.#listener = new Listener(
      (socket) => this.#accept(socket),
      (error) => logger.error('flotilla:', error),
      { pauseOnConnect: true },
    );
  }

  async bind() {
    const { config, fd } = this.#options;
    const { host, port } = config;
    await this.#listener.open(publicAddress(config, fd));
    const address = this.#listener.address();
    if (!address || typeof address !== 'object') return { host, port };
    return { host, port: address.port, local: address.address };
  }

  /** Workers listen on their own ports: they need not know of the front. @returns {undefined} */
  prepare() {}

  forked() {}

  /** @param {Seat} seat */
  ready(seat) {
    this.#ready.set(seat.id, seat);
  }

  /** @param {Seat} seat */
  async drain(seat) {
    if (this.#ready.get(seat.id) === seat) this.#ready.delete(seat.id);
  }

  /**
   * Lets the connections of a worker end as they fall quiet, that does not see to them itself.
   *
   * @param {Seat} seat
   * @param {number} withinMs
   */
  async part(seat, withinMs) {
    await this.drain(seat);
    const until = performance.now() + withinMs;
    const connections = this.#connections.get(seat.seat) ?? new Roster(PLACE);
    while (connections.size > 0 && performance.now() < until) {
      for (const socket of connections) if (isQuiet(socket)) socket.destroySoon();
      await pause(LOOK_MS);
    }
    return connections.size;
  }

  /** @param {Seat} seat */
  gone(seat) {
    if (this.#ready.get(seat.id) === seat) this.#ready.delete(seat.id);
    this.#connections.delete(seat.seat);
  }

  open() {
    this.#opened = true;
    for (const socket of this.#early.splice(0)) this.#accept(socket);
  }

  /** Stops accepting. Connections that are there stay until their workers end. */
  async close() {
    for (const socket of this.#early.splice(0)) socket.destroy();
    // What it has accepted may stay for long; that it takes no more is true at once.
    this.#listener.close();
  }

  /** @param {Seat} seat */
  load(seat) {
    return { connections: this.#connections.get(seat.seat)?.size ?? 0 };
  }

  /** @param {Socket} socket */
  async #accept(socket) {
    const { config, count, record } = this.#options;
    if (!this.#opened) return void this.#early.push(socket);
    // Whoever has it now hears of its close; an error says no more.
    socket.on('error', () => {});
    const began = performance.now();
    count('connections', 1);
    const strategy = config.loadBalancer ?? defaultLoadBalancer;
    const head = needsHead(strategy)
      ? await new Prelude(socket, config.maxHeaderBytes, headMs(config)).read()
      : Buffer.alloc(0);
    record('prelude_duration_ms', performance.now() - began);
    try {
      if (!socket.destroyed) await this.#serve(socket, head);
    } catch (error) {
      socket.destroy();
      config.logger.error('flotilla:', error);
    }
  }

  /**
   * @param {Socket} socket
   * @param {Buffer} head what was read of it
   */
  async #serve(socket, head) {
    const { config, count } = this.#options;
    /** @type {Set<string>} */
    const refused = new Set();
    while (!socket.destroyed) {
      const candidates = this.#options
        .candidates()
        .filter(({ id }) => this.#ready.has(id) && !refused.has(id));
      if (candidates.length === 0) break;
      const chosen = await this.#choice.among(candidates, head, socket);
      if (!chosen) break;
      const seat = this.#ready.get(chosen.id);
      const worker = seat && (await connect(seat.host, seat.port));
      if (seat && worker) return this.#forward(socket, head, seat, worker);
      refused.add(chosen.id);
      count('proxy_errors', 1);
    }
    socket.resetAndDestroy();
    config.logger.warn('flotilla: a connection was closed, for no worker takes it');
  }

  /**
   * @param {Socket} socket
   * @param {Buffer} head
   * @param {Seat} seat
   * @param {Socket} worker
   */
  #forward(socket, head, seat, worker) {
    const { config } = this.#options;
    const connections = this.#connections.get(seat.seat) ?? new Roster(PLACE);
    this.#connections.set(seat.seat, connections);
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
    if (config.proxyProtocol) worker.write(proxyHeader(config.proxyProtocol, socket));
    if (head.length > 0) worker.write(head);
    join(socket, worker, config.allowHalfOpen);
    watchTraffic(socket, worker);
    if (socket.destroyed) worker.destroy();
  }
}

module.exports = { PortableFront };
