/**
 * What goes to a client at once is written at once: one call of the system for all packets of a flush, where there would be one for
 * each.
 */

/** Engines of socket.io that do so. @type {WeakSet<object>} */
const known = new WeakSet();

/** The socket beneath a client by websocket; of what is not `ws` it is not known. @param {any} connection */
const socketBeneath = ({ transport }) => transport?.socket?._socket;

/** @param {any} connection of the engine @param {any[]} packets that it writes now */
function writeTogether(connection, packets) {
  if (packets.length < 2) return;
  const socket = socketBeneath(connection);
  if (typeof socket?.cork !== 'function') return;
  socket.cork();
  // Whatever becomes of the flush.
  process.nextTick(() => socket.uncork());
}

/** @param {any} engine of a server; a server that was attached to none has none */
function writesAtOnce(engine) {
  if (typeof engine?.on !== 'function' || known.has(engine)) return;
  known.add(engine);
  engine.on('flush', writeTogether);
}

module.exports = { writesAtOnce };
