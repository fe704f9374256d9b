/**
 * What Node does with a connection that a server has accepted itself, done for one that it is given: by the options of that
 * server, whoever listens for it.
 */

/** @import { Socket } from 'node:net' */

const { channel } = require('node:diagnostics_channel');
const { isIP } = require('node:net');

/** Told of every connection of every server of Node's. */
const arrivals = channel('net.server.socket');

/** The options that Node's `net.Server` looks at when it accepts; all others are looked at by what it is besides. */
const options = /** @type {const} */ ([
  'allowHalfOpen',
  'blockList',
  'dropMaxConnection',
  'highWaterMark',
  'keepAlive',
  'keepAliveInitialDelay',
  'maxConnections',
  'noDelay',
  'pauseOnConnect',
]);

/** Of these, the ones that concern the client itself, and not the connection that it is forwarded over. */
const ofClients = /** @type {readonly string[]} */ (['blockList', 'pauseOnConnect']);

/**
 * How a server wants its sockets made.
 *
 * @param {any} server
 */
const socketOptions = ({ allowHalfOpen, highWaterMark, pauseOnConnect }) => ({
  allowHalfOpen,
  pauseOnCreate: pauseOnConnect,
  readable: true,
  writable: true,
  readableHighWaterMark: highWaterMark,
  writableHighWaterMark: highWaterMark,
});

/**
 * @param {any} server
 * @param {Socket} socket
 */
function isBlocked({ blockList }, socket) {
  // To ask for the address of one costs a call of the system, and fixes it.
  if (!blockList) return false;
  const { remoteAddress = '' } = socket;
  const family = isIP(remoteAddress);
  return family > 0 && blockList.check(remoteAddress, `ipv${family}`);
}

/**
 * Whether a server has as many connections as it may have.
 *
 * @param {any} server
 * @param {number} count how many it has
 */
const isFull = ({ maxConnections }, count) => maxConnections != null && count >= maxConnections;

/**
 * Closes a connection that is one too many, and says so as Node does.
 *
 * @param {any} server
 * @param {Socket} socket
 */
function drop(server, socket) {
  const { localAddress, localPort, localFamily, remoteAddress, remotePort, remoteFamily } = socket;
  socket.destroy();
  server.emit('drop', { localAddress, localPort, localFamily, remoteAddress, remotePort, remoteFamily });
}

/**
 * Gives a server a connection that another process has accepted.
 *
 * @param {any} server
 * @param {any} socket made by `socketOptions`
 */
function arrive(server, socket) {
  if (isFull(server, server._connections)) return drop(server, socket);
  if (isBlocked(server, socket)) return void socket.destroy();
  // All others come without a delay.
  if (server.noDelay === false) socket.setNoDelay(false);
  if (server.keepAlive) socket.setKeepAlive(true, server.keepAliveInitialDelay);
  // So `getConnections` and `close` tell the truth.
  server._connections += 1;
  socket.server = server;
  socket._server = server;
  server.emit('connection', socket);
  if (arrivals.hasSubscribers) arrivals.publish({ socket });
}

/** Whether it is a server of TLS, and of whatever stands on that. @param {any} server */
const isOfTls = (server) => typeof server?.setSecureContext === 'function';

/**
 * Gives a server a connection that was forwarded to this process, and whose client is known by now.
 *
 * @param {any} server
 * @param {Socket} socket
 * @param {(socket: Socket) => void} accept
 */
function arriveForwarded(server, socket, accept) {
  if (isBlocked(server, socket)) return void socket.destroy();
  if (server.pauseOnConnect) socket.pause();
  accept(socket);
}

module.exports = {
  arrive,
  arriveForwarded,
  drop,
  isBlocked,
  isFull,
  isOfTls,
  ofClients,
  options,
  socketOptions,
};
