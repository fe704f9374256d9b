/**
 * Where a worker's connections come from, in the place of a listening socket of its server's own. The primary hands them
 * over, or forwards them to a port of this worker's, and the server seems to listen on the public address. Or the
 * application listens itself, on a port of this worker's, and what is handed over comes beside that.
 */

/** @import { Socket } from 'node:net' */
/** @import { Application } from '../http/application.js' */
/** @import { Instance as ConnectionTable } from '../http/connection-table.js' */
/** @import { WorkerSeat } from './seat.js' */

const { FlotillaError } = require('../errors.js');
const { ofClients } = require('../http/arrival.js');
const { closed, freePort, listenAlone } = require('../http/free-port.js');
const { listenFailure } = require('../http/listen-failure.js');
const { Listener } = require('../http/listener.js');
const { NativeBack } = require('./back.js');

/**
 * What listens on a port of this worker's. It is nobody's address, so that any other will do where it is taken.
 *
 * @typedef {object} Listening
 * @property {(host: string, port: number) => Promise<number>} open brings the port
 * @property {() => Promise<void>} close
 */
/**
 * How connections are handed over.
 *
 * @typedef {object} HandOff
 * @property {number} rendezvous
 * @property {boolean} [stays] whether other servers of this process meet the primary there too
 * @property {boolean} allowHalfOpen
 * @property {ConnectionTable} table
 */

/**
 * @param {string} host
 * @param {number} port 0 is for the system to choose one
 */
const untaken = (host, port) => (port === 0 ? 0 : freePort(host, port));

/**
 * Connections are forwarded to a socket that listens for a server.
 *
 * @param {Application} application
 * @param {(socket: Socket) => void} accept
 * @param {(error: Error) => void} onError
 * @returns {Listening}
 */
function forwarded({ server }, accept, onError) {
  const listener = new Listener(accept, onError);
  listener.follow(server, (name) => !ofClients.includes(name));
  return {
    async open(host, port) {
      // Node's cluster would listen in the primary, and pass every connection on from there.
      await listener.open({ host, port: await untaken(host, port), exclusive: true });
      return /** @type {import('node:net').AddressInfo} */ (listener.address()).port;
    },
    close: () => listener.close(),
  };
}

/**
 * The application listens itself.
 *
 * @param {Application} application
 * @returns {Listening}
 */
function itself({ server, listen }) {
  if (!server) return { open: /** @type {NonNullable<typeof listen>} */ (listen), close: async () => {} };
  return {
    // An application may take an error of its server for the end: none is tried out on it.
    open: async (host, port) => listenAlone(server, host, await untaken(host, port)),
    close: () => closed(server),
  };
}

class Entrance {
  #seat;
  #listening;
  #attach;
  #back;
  #isOpen = false;
  /** @type {Promise<void> | undefined} */
  #closed;
  /** That of this worker's own; 0 where it has none. */
  port = 0;

  /**
   * @param {WorkerSeat} seat
   * @param {object} ways
   * @param {Listening} [ways.listening]
   * @param {HandOff} [ways.handOff]
   * @param {Application} ways.application
   * @param {boolean} [ways.isReal] whether the application listens itself, and need not seem to
   */
  constructor(seat, { listening, handOff, application, isReal = false }) {
    this.#seat = seat;
    this.#listening = listening;
    this.isReal = isReal;
    const { server } = application;
    // Its port is nobody's business: clients come to the public one.
    if (isReal && server && seat.address) server.address = () => /** @type {any} */ (this.address());
    if (!handOff || !server) return;
    const back = new NativeBack(handOff.table, { allowHalfOpen: handOff.allowHalfOpen });
    this.#back = back;
    this.#attach = () => back.attach(server, handOff.rendezvous, handOff.stays);
  }

  async open() {
    this.#isOpen = true;
    const { host, port } = this.#seat;
    try {
      this.port = (await this.#listening?.open(host, port)) ?? 0;
    } catch (cause) {
      throw cause instanceof FlotillaError ? cause : await listenFailure({ host, port }, cause);
    }
    this.#attach?.();
  }

  address() {
    return this.#isOpen ? this.#seat.address : null;
  }

  /** Lets connections go on with other workers as they fall idle. @param {number} withinMs */
  part(withinMs) {
    this.#back?.drain({ deadline: Date.now() + withinMs });
  }

  /** A server of the program's own is told of its close once, however often this is called. */
  close() {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close() {
    this.#isOpen = false;
    this.#back?.close();
    await this.#listening?.close();
  }
}

module.exports = { Entrance, forwarded, itself };
