/**
 * Where a worker's connections come from: the primary offers them, and this process takes each as soon as its event
 * loop gets to it. It stands in the place of a listening socket, and tells the public address.
 */

/** @import { AddressInfo, Socket } from 'node:net' */

const { hasBegun } = require('../connection.js');

class Inbox {
  #accept;
  #address;
  #listens = false;

  /**
   * @param {(socket: Socket) => void} accept
   * @param {AddressInfo | string} address
   */
  constructor(accept, address) {
    this.#accept = accept;
    this.#address = address;
  }

  async open() {
    this.#listens = true;
    process.on('message', this.#heed);
  }

  address() {
    return this.#listens ? this.#address : null;
  }

  async close() {
    this.#listens = false;
    process.off('message', this.#heed);
  }

  #heed = (/** @type {any} */ message, /** @type {Socket | undefined} */ socket) => {
    if (message?.flotilla === 'offer') process.send?.({ flotilla: 'want', id: message.id });
    if (message?.flotilla !== 'connection') return;
    process.send?.({ flotilla: 'took', id: message.id });
    // The client may have gone on the way.
    if (!socket) return;
    Object.assign(socket, { allowHalfOpen: true });
    const early = Buffer.from(String(message.early ?? ''), 'base64');
    if (early.length > 0) {
      socket.unshift(early);
      hasBegun(socket);
    }
    this.#accept(socket);
  };
}

module.exports = { Inbox };
