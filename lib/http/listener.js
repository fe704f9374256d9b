/**
 * The listening socket of a server, which stays open from its start to its stop, whatever is restarted behind it.
 *
 * It may come from systemd, and may be a Unix socket. What it accepts it gives on; it knows nothing of HTTP.
 */

const { once } = require('node:events');
const { createServer } = require('node:net');
const path = require('node:path');
const { isBlocked, options } = require('./arrival.js');
const { listenFailure } = require('./listen-failure.js');
const { markOwn } = require('./own-servers.js');

/** @typedef {{ host: string, port: number, exclusive?: boolean } | { path: string } | { fd: number }} Address */

/**
 * @param {{ host: string, port: number }} configured an absolute path is a Unix socket
 * @param {number} [fd] what is there in its place
 * @returns {Address}
 */
function publicAddress({ host, port }, fd) {
  if (fd !== undefined) return { fd };
  return path.isAbsolute(host) ? { path: host } : { host, port };
}

/** @typedef {Listener} Instance */

class Listener {
  #server;
  /** @type {any} the server whose options count */
  #followed;

  /**
   * @param {(socket: import('node:net').Socket) => void} accept
   * @param {(error: Error) => void} onError told of what goes wrong while it listens
   * @param {import('node:net').ServerOpts} [given]
   */
  constructor(accept, onError, given) {
    // The same as Node's HTTP server asks for its own: http decides itself what half-open means.
    this.#server = createServer({ allowHalfOpen: true, noDelay: true, ...given }, (socket) => {
      // Node 20 has no such list.
      if (isBlocked(this.#server, socket)) socket.destroy();
      else accept(socket);
    });
    this.onError = onError;
    this.#server.on('drop', (dropped) => this.#followed?.emit('drop', dropped));
  }

  /**
   * From now on connections are accepted as this server would accept them, by the options that it has then.
   *
   * @param {any} server
   * @param {(option: string) => boolean} [counts]
   */
  follow(server, counts = () => true) {
    if (!server) return;
    this.#followed = server;
    for (const name of options.filter(counts)) {
      Object.defineProperty(this.#server, name, { get: () => this.#followed[name], configurable: true });
    }
  }

  /** @param {Address} address */
  async open(address) {
    // A port of this process alone is no address of an application.
    if ('exclusive' in address) markOwn(this.#server);
    this.#server.listen(address);
    try {
      await once(this.#server, 'listening');
    } catch (cause) {
      throw await listenFailure(address, cause);
    }
    this.#server.on('error', this.onError);
  }

  address() {
    return this.#server.address();
  }

  /** Closes the socket. Resolves when that has happened, and what it accepted is closed too. */
  close() {
    return /** @type {Promise<void>} */ (new Promise((resolve) => this.#server.close(() => resolve())));
  }
}

module.exports = { Listener, publicAddress };
