/** The endpoints on a port of their own. */

/** @import { Instance as Endpoints } from './endpoints.js' */

const path = require('node:path');
const { Borrowed } = require('./borrowed.js');
const { Listener } = require('./listener.js');

/** @typedef {HealthPort} Instance */

class HealthPort {
  #borrowed;
  #listener;
  #closeConnections;

  /**
   * @param {Endpoints} endpoints
   * @param {(error: Error) => void} onError
   */
  constructor(endpoints, onError) {
    const borrowed = new Borrowed(endpoints.server());
    this.#borrowed = borrowed;
    this.#closeConnections = borrowed.server.closeAllConnections.bind(borrowed.server);
    this.#listener = new Listener((socket) => borrowed.emit('connection', socket), onError);
  }

  /**
   * @param {{ host: string, port: number }} configured where the server is, and the port beside it
   * @param {Endpoints} endpoints
   * @param {(error: Error) => void} onError
   */
  static async open({ host, port }, endpoints, onError) {
    const healthPort = new HealthPort(endpoints, onError);
    await healthPort.#listener.open({ host: path.isAbsolute(host) ? '127.0.0.1' : host, port });
    healthPort.#borrowed.pretendToListen(() => healthPort.#listener.address());
    return healthPort;
  }

  async close() {
    const closed = this.#listener.close();
    this.#closeConnections();
    this.#borrowed.giveBack();
    await closed;
  }
}

module.exports = { HealthPort };
