/**
 * Servers that Flotilla itself has listen in a worker: ports of this machine's alone, which are nobody's address. Whoever
 * catches what an application listens on leaves them alone.
 */

/** @type {WeakSet<object>} */
const own = new WeakSet();

/**
 * @template {object} T
 * @param {T} server
 * @returns {T}
 */
function markOwn(server) {
  own.add(server);
  return server;
}

/** @param {object} server */
const isOwn = (server) => own.has(server);

module.exports = { isOwn, markOwn };
