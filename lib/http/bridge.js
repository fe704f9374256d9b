/**
 * For an application that can do nothing but listen (ultimate-express, whose sockets are not Node's): it listens on a
 * port of its own that only this machine reaches, and each connection is carried there as bytes.
 *
 * Requests cannot be told apart in it: a connection can be closed when it is quiet. If the process dies, both ends of every
 * connection close.
 */

/** @import { Server as HttpServer } from 'node:http' */
/** @import { Socket } from 'node:net' */

const net = require('node:net');
const { isQuiet, watchTraffic } = require('./traffic.js');

const host = '127.0.0.1';

/**
 * @param {Socket} socket
 * @param {number} port
 */
function carry(socket, port) {
  const inner = net.connect({ host, port, allowHalfOpen: true, noDelay: true });
  watchTraffic(socket, inner);
  for (const [one, other] of [
    [socket, inner],
    [inner, socket],
  ]) {
    one.pipe(other);
    one.on('error', () => other.destroy());
    one.on('close', () => other.destroySoon());
  }
}

/**
 * A server that gives an application the connections that it is given.
 *
 * @param {number} port where that listens
 * @param {() => Promise<void>} close closes it
 */
function bridge(port, close) {
  const server = net.createServer({ allowHalfOpen: true }, (socket) => carry(socket, port));
  return { server: /** @type {HttpServer} */ (/** @type {unknown} */ (server)), close, carries: isQuiet };
}

module.exports = { bridge };
