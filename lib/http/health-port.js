/** The endpoints on a port of their own. */

/** @import { Instance as Endpoints } from './endpoints.js' */

const path = require('node:path');
const { Borrowed } = require('./borrowed.js');
const { Listener } = require('./listener.js');

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
   * Opens it, where the options have one.
   *
   * @param {{ host: string, endpoints: { port?: number } }} options
   * @param {Endpoints} endpoints
   * @param {(error: Error) => void} onError
   */
  static async open({ host, endpoints: { port } }, endpoints, onError) {
    if (port === undefined) return undefined;
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
