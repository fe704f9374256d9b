/**
 * Whether a connection of HTTP/1 stands between two messages, so that another process can go on with it: nothing of it is
 * in this one.
 *
 * Both are asked after every request of a connection that the primary holds as well: neither looks at other connections,
 * and neither makes anything.
 */

/**
 * Whether a part of a message has come over a connection. Node.js asks its parser the same when a client has ended: whether a
 * message is cut by that. The answer changes nothing in the parser.
 *
 * @param {any} socket
 * @param {number} [before] how many bytes had been read of what is no message
 */
function isReading(socket, before = 0) {
  const { parser } = socket;
  if (typeof parser?.finish !== 'function') return socket.bytesRead !== before;
  // A parser that is paused does not say, and of a body that ends with its connection it would believe that it has ended.
  if (socket._paused || parser.incoming?.complete === false) return true;
  return parser.finish() !== undefined;
}

/**
 * Whether no part of an answer is in this process, and of a request nothing but what the parser holds.
 *
 * @param {any} socket
 */
function isEmpty(socket) {
  // One that ends with the answer it has got is not idle, though nothing is left to be written. Some requests Node.js
  // answers itself, and tells nobody.
  if (socket.destroyed || socket.writableEnded || !socket._handle || socket._httpMessage) return false;
  return socket.readableLength + socket.writableLength === 0;
}

module.exports = { isEmpty, isReading };
