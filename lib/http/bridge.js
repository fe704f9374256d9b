/**
 * For an application that can do nothing but listen (ultimate-express, whose sockets are not Node's): it listens on a
 * port of its own that only this machine reaches, and each connection is carried there as bytes.
 *
 * Requests cannot be told apart in it. A connection counts as quiet when the last bytes went to the client and none have
 * moved for a while; that is when it can be closed. If the process dies, both ends of every connection close.
 */

/** @import { Server as HttpServer } from 'node:http' */
/** @import { Socket } from 'node:net' */

const net = require('node:net');

const host = '127.0.0.1';
const quietMs = 500;

/** @type {WeakMap<Socket, { waits: boolean, at: number }>} what moved last on a connection, and when */
const carried = new WeakMap();

/** @param {Socket} socket one that a bridge carries */
function isQuiet(socket) {
  const last = carried.get(socket);
  return last === undefined || (!last.waits && performance.now() - last.at > quietMs);
}

/**
 * @param {Socket} socket
 * @param {number} port
 */
function carry(socket, port) {
  const last = { waits: false, at: performance.now() };
  carried.set(socket, last);
  const inner = net.connect({ host, port, allowHalfOpen: true, noDelay: true });
  const moved = (/** @type {boolean} */ waits) => () => Object.assign(last, { waits, at: performance.now() });
  socket.on('data', moved(true));
  inner.on('data', moved(false));
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
