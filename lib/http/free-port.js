/** Listening in this process itself: Node's cluster would listen in the primary, and pass every connection on from there. */

/** @import { AddressInfo, Server } from 'node:net' */

const { once } = require('node:events');
const net = require('node:net');
const { markOwn } = require('./own-servers.js');

/**
 * @param {Server} server
 * @param {string} host
 * @param {number} port
 * @returns {Promise<number>} the port
 */
async function listenAlone(server, host, port) {
  server.listen({ host, port, exclusive: true });
  await once(server, 'listening');
  // Its own: a server may tell where its clients find it instead.
  return /** @type {AddressInfo} */ (net.Server.prototype.address.call(server)).port;
}

/**
 * The port if it is free, else any other: for what is nobody's address.
 *
 * @param {string} host
 * @param {number} port
 * @returns {Promise<number>}
 */
async function freePort(host, port) {
  const server = markOwn(net.createServer());
  const free = await listenAlone(server, host, port).catch((error) => {
    if (error.code === 'EADDRINUSE') return listenAlone(server, host, 0);
    throw error;
  });
  await closed(server);
  return free;
}

/** @param {Server} server @returns {Promise<void>} resolves when it is closed, and its connections are */
const closed = (server) => new Promise((resolve) => void server.close(() => resolve()));

module.exports = { closed, freePort, listenAlone };
