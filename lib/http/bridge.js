/**
 * For an application that can do nothing but listen (ultimate-express, whose sockets are not Node's): it listens on a
 * port of its own that only this machine reaches, and each connection is carried there as bytes.
 *
 * Requests cannot be told apart in it. A connection counts as quiet when the last bytes went to the client and none have
 * moved for a while; that is when it can be closed. If the process dies, both ends of every connection close.
 */

/** @import { Server as HttpServer } from 'node:http' */
/** @import { AddressInfo, Socket } from 'node:net' */

const { once } = require('node:events');
const net = require('node:net');
const { askToListen } = require('./ask-to-listen.js');

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

/** A port that is free, for an application that would not tell which one it got. */
async function freePort() {
  // In a cluster all workers would be told the same one.
  const server = net.createServer().listen({ port: 0, host, exclusive: true });
  await once(server, 'listening');
  const { port } = /** @type {AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}

/**
 * Lets an application listen, and makes a server that gives it the connections that it is given.
 *
 * @param {any} app
 */
async function bridge(app) {
  const asked = typeof app.address === 'function' ? 0 : await freePort();
  const returned = await askToListen(app, asked, host);
  const port = asked || app.address().port;
  const server = net.createServer({ allowHalfOpen: true }, (socket) => carry(socket, port));
  const close = async () => {
    const closing = typeof returned?.close === 'function' ? returned : app;
    closing.close?.();
  };
  return { server: /** @type {HttpServer} */ (/** @type {unknown} */ (server)), close, carries: isQuiet };
}

module.exports = { bridge };
