/**
 * An application's HTTP server, borrowed for as long as it has connections: its events are diverted, and it is made
 * to believe that it listens, so that it keeps count of its connections and enforces its time limits.
 *
 * All that is changed is its own properties, and they are put back at the end: an application may return the same
 * server again.
 */

/** @import { Server as HttpServer } from 'node:http' */
/** @import { AddressInfo } from 'node:net' */

const { makeOwnMessages } = require('./own-messages.js');

/** @typedef {(...args: any[]) => any} Emit */

/** @type {WeakSet<HttpServer>} */
const onLoan = new WeakSet();

const changed = [
  'emit',
  'address',
  'listening',
  'getConnections',
  'close',
  'closeAllConnections',
  'closeIdleConnections',
  '_emitCloseIfDrained',
];

class Borrowed {
  /** How many sockets it was given that are not closed yet. */
  sockets = 0;
  #takeBack = () => {};
  /** Whether it believes that it listens, and does not. */
  #pretends = false;
  #before;
  #close;

  /** @param {HttpServer} server */
  constructor(server) {
    this.server = server;
    onLoan.add(server);
    /** @type {Emit} */
    const emit = server.emit;
    /** @type {Emit} its own, past the diversion */
    this.emit = emit.bind(server);
    /** @type {Emit} the same, of a request */
    this.emitRequest = (request, response) => emit.call(server, 'request', request, response);
    this.#close = server.close.bind(server);
    this.#before = changed.map(
      (name) => /** @type {const} */ ([name, Object.getOwnPropertyDescriptor(server, name)]),
    );
  }

  /**
   * @param {Record<string, Emit>} events what happens instead of the events of these names
   * @param {Emit} request what happens instead of a request: it comes so often that it is not looked up
   */
  divert(events, request) {
    /** @type {Record<string, Emit | undefined>} */
    const diverted = Object.assign(Object.create(null), events);
    this.server.emit = (
      /** @type {string} */ event,
      /** @type {any} */ first = undefined,
      /** @type {any} */ second = undefined,
      /** @type {any} */ third = undefined,
    ) => {
      if (event === 'request') return request(first, second);
      const taken = diverted[event];
      return taken === undefined ? this.emit(event, first, second, third) : taken(first, second, third);
    };
  }

  /**
   * Tells when its application closes it, where it listens itself.
   *
   * @param {() => unknown} closing
   */
  heedClose(closing) {
    this.server.close = (closed) => {
      closing();
      return this.#close(closed);
    };
  }

  /**
   * If its application closes it now, nothing happens to its connections: they are not the application's, and go
   * on with the next generation. Unless whoever is told of that has them go: then it is closed with the last of them.
   *
   * @param {() => AddressInfo | string | null} address
   * @param {() => Promise<void> | undefined} [closing]
   */
  pretendToListen(address, closing = () => undefined) {
    this.#pretends = true;
    const { server } = this;
    const listensAlready = server.listening;
    const close = (/** @type {(() => void) | undefined} */ closed) => {
      const empty = this.#pretends ? closing() : undefined;
      if (empty) this.#closeWith(empty, closed);
      else if (!this.#pretends) this.#close(closed);
      else if (closed) process.nextTick(closed);
      return server;
    };
    const isListening = () => this.#pretends && address() !== null;
    Object.defineProperty(server, 'listening', { get: isListening, configurable: true });
    const getConnections = (/** @type {(error: null, count: number) => void} */ count) => {
      process.nextTick(count, null, this.sockets);
      return server;
    };
    Object.assign(server, {
      address,
      close,
      getConnections,
      closeAllConnections() {},
      closeIdleConnections() {},
      // With its last connection it would say that it is closed.
      _emitCloseIfDrained() {},
    });
    // One that was caught has heard of it.
    if (!listensAlready) server.emit('listening');
  }

  /**
   * @param {Promise<void>} empty
   * @param {() => void} [closed]
   */
  async #closeWith(empty, closed) {
    this.#pretends = false;
    await empty;
    // Now it is to say that it is closed. It complains that it never listened.
    Reflect.deleteProperty(this.server, '_emitCloseIfDrained');
    this.#close(() => closed?.());
  }

  /** @param {boolean} isItsOwn whether its own application answers what it reads */
  readFor(isItsOwn) {
    this.#takeBack();
    this.#takeBack = isItsOwn ? makeOwnMessages(this.server) : () => {};
  }

  giveBack() {
    this.#takeBack();
    onLoan.delete(this.server);
    for (const [name, descriptor] of this.#before) {
      if (descriptor) Object.defineProperty(this.server, name, descriptor);
      else Reflect.deleteProperty(this.server, name);
    }
    // It complains that it never listened; what is to end is its timer. One that did is closed by whoever had it listen.
    if (this.#pretends) this.#close(() => {});
  }
}

/** @param {HttpServer} server */
const isBorrowed = (server) => onLoan.has(server);

module.exports = { Borrowed, isBorrowed };
