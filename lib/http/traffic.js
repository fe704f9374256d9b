/**
 * What moves on a connection whose bytes are carried to an application that reads its requests itself.
 *
 * Requests cannot be told apart there. A connection is quiet when the last bytes went to the client and none have
 * moved for a while: then it can be closed.
 */

/** @import { Socket } from 'node:net' */

const quietMs = 500;

/** @type {WeakMap<Socket, { waits: boolean, at: number }>} what moved last on a connection, and when */
const traffic = new WeakMap();

/**
 * @param {Socket} socket the client's
 * @param {Socket} inner to the application
 */
function watchTraffic(socket, inner) {
  const last = { waits: false, at: performance.now() };
  traffic.set(socket, last);
  const moved = (/** @type {boolean} */ waits) => () => Object.assign(last, { waits, at: performance.now() });
  socket.on('data', moved(true));
  inner.on('data', moved(false));
}

/** @param {Socket} socket one that is watched, or that nothing has come over yet */
function isQuiet(socket) {
  const last = traffic.get(socket);
  return last === undefined || (!last.waits && performance.now() - last.at > quietMs);
}

module.exports = { isQuiet, watchTraffic };
