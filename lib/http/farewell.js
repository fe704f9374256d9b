/**
 * Saying goodbye to what would never end by itself: WebSockets get a close frame, streams of events end.
 *
 * Both are done from outside the application, which need not know that it is being shut down. A WebSocket
 * library writes whole frames, each in one turn of the event loop, so a frame written in another turn stands
 * between two of its own.
 */

/** @import { ServerResponse } from 'node:http' */
/** @import { Duplex } from 'node:stream' */

/** Unmasked, as a server's are: final frame, opcode 8, two bytes, status 1001 (going away). */
const closeFrame = Buffer.from([0x88, 0x02, 0x03, 0xe9]);
const eventStreamHeader = /^content-type: *text\/event-stream/im;
const pollMs = 20;

/**
 * @param {ServerResponse} response
 * @returns {boolean}
 */
function isEventStream(response) {
  if (!response.headersSent) return false;
  const type = response.getHeader('content-type');
  if (type !== undefined) return String(type).startsWith('text/event-stream');
  // Headers that were given to `writeHead` alone are nowhere but in the head as it was sent.
  return eventStreamHeader.test(/** @type {any} */ (response)._header ?? '');
}

/** @param {ServerResponse} response */
function endEventStream(response) {
  // The application may write once more before it learns that the stream has ended.
  response.on('error', () => {});
  response.end();
}

/**
 * Sends the close frame, once the handshake has been answered: before that, it would stand in front of it.
 *
 * @param {Duplex} socket
 * @param {number} writtenBefore how many bytes had been written when the upgrade was asked for
 */
function sendCloseFrame(socket, writtenBefore) {
  if (socket.destroyed || socket.writableEnded) return;
  if (/** @type {any} */ (socket).bytesWritten > writtenBefore) socket.write(closeFrame);
  else setTimeout(sendCloseFrame, pollMs, socket, writtenBefore).unref();
}

/**
 * @param {(socket: any) => boolean} isQuiet
 * @param {Duplex} socket
 */
function endWhen(isQuiet, socket) {
  if (socket.destroyed) return;
  if (isQuiet(socket)) /** @type {any} */ (socket).destroySoon();
  else setTimeout(endWhen, pollMs, isQuiet, socket).unref();
}

module.exports = { endEventStream, endWhen, isEventStream, sendCloseFrame };
