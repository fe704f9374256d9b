/**
 * Where a worker's connections come from, in the place of a listening socket of its server's own: the primary hands them
 * over, or forwards them to a port of this worker's. Either way the server seems to listen on the public address.
 */

/** @import { Socket } from 'node:net' */
/** @import { Instance as ConnectionTable } from '../http/connection-table.js' */
/** @import { PublicAddress, Seat } from './seat.js' */

const { FlotillaError } = require('../errors.js');
const { NativeBack } = require('./back.js');
const { Listener } = require('../http/listener.js');

/** What both have: the address that the server seems to listen on. */
class Entrance {
  #address;
  #open = false;

  /** @param {PublicAddress} address */
  constructor(address) {
    this.#address = address;
  }

  async open() {
    this.#open = true;
  }

  address() {
    return this.#open ? this.#address : null;
  }

  async close() {
    this.#open = false;
  }

  /** The port of this worker's own; 0 where it has none. */
  get port() {
    return 0;
  }

  /** Lets connections go on with other workers as they fall idle. @param {number} _withinMs */
  part(_withinMs) {}
}

/** Connections are handed over. */
class Door extends Entrance {
  #back;
  #attach;

  /**
   * @param {string} door
   * @param {object} server that reads what comes over them
   * @param {{ address: PublicAddress, allowHalfOpen: boolean, table: ConnectionTable, bring: (socket: Socket) => void }} options
   */
  constructor(door, server, { address, allowHalfOpen, table, bring }) {
    super(address);
    const back = new NativeBack(table, { allowHalfOpen, bring });
    this.#back = back;
    this.#attach = () => back.attach(/** @type {any} */ (server), door);
  }

  /** @override */
  async open() {
    await super.open();
    this.#attach();
  }

  /** @override @param {number} withinMs */
  part(withinMs) {
    this.#back.drain({ deadline: Date.now() + withinMs });
  }

  /** @override */
  async close() {
    await super.close();
    this.#back.close();
  }
}

/** Connections are forwarded. */
class Port extends Entrance {
  #listener;
  #seat;

  /**
   * @param {Seat} seat
   * @param {(socket: Socket) => void} accept
   * @param {(error: Error) => void} onError
   */
  constructor(seat, accept, onError) {
    super(seat.address);
    this.#seat = seat;
    this.#listener = new Listener(accept, onError);
  }

  /** @override */
  async open() {
    await super.open();
    const { host, port } = this.#seat;
    // Node's cluster would listen in the primary, and pass every connection on from there.
    const listen = (/** @type {number} */ number) =>
      this.#listener.open({ host, port: number, exclusive: true });
    await listen(port).catch((error) => {
      const taken = error instanceof FlotillaError && error.code === 'FLOTILLA_ERR_ADDRESS_IN_USE';
      // A worker's port is nobody's address: any other will do.
      if (!taken || port === 0) throw error;
      return listen(0);
    });
  }

  /** @override */
  get port() {
    return /** @type {import('node:net').AddressInfo} */ (this.#listener.address()).port;
  }

  /** @override */
  async close() {
    await super.close();
    await this.#listener.close();
  }
}

module.exports = { Door, Port };
