/**
 * Whether a connection of HTTP/1 stands between two messages, so that another process can go on with it: nothing of it is
 * in this one.
 */

/**
 * Whether a part of a message has come over a connection, as the list says by which Node.js looks for clients that take
 * too long to send theirs. Nothing else knows what the parser holds; where there is no such list, nothing is promised.
 *
 * @param {any} socket
 * @param {number} [before] how many bytes had been read of what is no message
 */
function isReading({ server, parser, bytesRead }, before = 0) {
  if (bytesRead === before) return false;
  const list = Object.getOwnPropertySymbols(server ?? {}).find(
    ({ description }) => description === 'http.server.connections',
  );
  const connections = list && server[list];
  return !parser || !connections || connections.active().includes(parser);
}

/**
 * Whether no part of an answer is in this process, and of a request nothing but what the parser holds.
 *
 * @param {any} socket
 */
function isEmpty(socket) {
  // One that ends with the answer it has got is not idle, though nothing is left to be written.
  if (socket.destroyed || socket.writableEnded || !socket._handle) return false;
  return socket.readableLength + socket.writableLength + socket._handle.writeQueueSize === 0;
}

module.exports = { isEmpty, isReading };
