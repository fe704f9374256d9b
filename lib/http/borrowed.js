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
    /** @type {Emit} its own, past the diversion */
    this.emit = server.emit.bind(server);
    this.#close = server.close.bind(server);
    this.#before = changed.map(
      (name) => /** @type {const} */ ([name, Object.getOwnPropertyDescriptor(server, name)]),
    );
  }

  /** @param {Record<string, Emit>} events what happens instead of the events of these names */
  divert(events) {
    /** @type {Record<string, Emit | undefined>} */
    const diverted = Object.assign(Object.create(null), events);
    this.server.emit = (
      /** @type {string} */ event,
      /** @type {any} */ first = undefined,
      /** @type {any} */ second = undefined,
      /** @type {any} */ third = undefined,
    ) => {
      const taken = diverted[event];
      return taken === undefined ? this.emit(event, first, second, third) : taken(first, second, third);
    };
  }

  /**
   * If its application closes it now, nothing happens to its connections: they are not the application's, and go
   * on with the next generation.
   *
   * @param {() => AddressInfo | string | null} address
   */
  pretendToListen(address) {
    this.#pretends = true;
    const { server } = this;
    const close = (/** @type {(() => void) | undefined} */ closed) => {
      if (closed) process.nextTick(closed);
      return server;
    };
    Object.defineProperty(server, 'listening', { get: () => address() !== null, configurable: true });
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
    });
    server.emit('listening');
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
