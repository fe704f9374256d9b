/**
 * The listening socket of a server, which stays open from its start to its stop, whatever is restarted behind it.
 *
 * It may come from systemd, and may be a Unix socket. What it accepts it gives on; it knows nothing of HTTP.
 */

const { once } = require('node:events');
const { createServer } = require('node:net');
const path = require('node:path');
const { createError, reasonOf } = require('../errors.js');

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

/** @param {Address} address */
function nameOf(address) {
  if ('fd' in address) return `the socket that systemd passed (${address.fd})`;
  return 'path' in address ? address.path : `port ${address.port} of ${address.host}`;
}

/**
 * @param {Address} address
 * @param {unknown} cause
 */
function listenFailure(address, cause) {
  const name = nameOf(address);
  const { code } = /** @type {NodeJS.ErrnoException} */ (cause);
  if (code === 'EADDRINUSE') return createError('FLOTILLA_ERR_ADDRESS_IN_USE', [name], { cause });
  return createError('FLOTILLA_ERR_LISTEN_FAILED', [name, reasonOf(cause)], { cause });
}

/** @typedef {Listener} Instance */

class Listener {
  #server;

  /**
   * @param {(socket: import('node:net').Socket) => void} accept
   * @param {(error: Error) => void} onError told of what goes wrong while it listens
   * @param {import('node:net').ServerOpts} [options]
   */
  constructor(accept, onError, options) {
    // The same as Node's HTTP server asks for its own: http decides itself what half-open means.
    this.#server = createServer({ allowHalfOpen: true, noDelay: true, ...options }, accept);
    this.onError = onError;
  }

  /** @param {Address} address */
  async open(address) {
    this.#server.listen(address);
    try {
      await once(this.#server, 'listening');
    } catch (cause) {
      throw listenFailure(address, cause);
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

module.exports = { Listener, listenFailure, nameOf, publicAddress };
