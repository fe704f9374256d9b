/**
 * One connection that requests come over, and what is under way on it.
 *
 * Requests that were sent one behind the other are answered in their order, so there can be several at once. When
 * the connection dies, all of them have ended, also those whose turn to be answered never came.
 */

/** @import { Socket } from 'node:net' */
/** @import { Instance as Exchange } from './exchange.js' */

const { isBetweenMessages, isEmpty } = require('./between-messages.js');

/** How long a connection that cannot be moved may stay idle in a server that ends, before it is closed. */
const lingerMs = 1000;

/** @typedef {Connection} Instance */

class Connection {
  /** @type {Set<Exchange>} what is under way, in the order of the requests */
  #exchanges = new Set();
  /** Whether it speaks something else than HTTP by now. */
  upgraded = false;
  /** How many bytes had been read when it last fell idle. */
  #mark;
  /** How many had been read of what is not its own, such as a header that told whose it is. */
  #before;

  /** @param {Socket} socket what requests come over: the TLS socket, where there is one */
  constructor(socket) {
    this.socket = socket;
    // What was read of it before it came here, and is to be read again, is the beginning of a request.
    this.#mark = this.#before = socket.bytesRead - socket.readableLength;
    socket.once('close', () => {
      for (const exchange of this.#exchanges) exchange.end();
    });
  }

  /** @param {Exchange} exchange */
  begin(exchange) {
    this.#exchanges.add(exchange);
  }

  /** @param {Exchange} exchange */
  end(exchange) {
    this.#exchanges.delete(exchange);
    if (this.#exchanges.size === 0) this.#mark = this.socket.bytesRead;
  }

  /** Whether nothing is under way: no request is answered, and none has begun to arrive. */
  get idle() {
    return this.#exchanges.size === 0 && !this.upgraded && this.socket.bytesRead === this.#mark;
  }

  /** Whether nothing of it is in this process, but perhaps a part of a request. */
  get isEmpty() {
    return this.#exchanges.size === 0 && !this.upgraded && isEmpty(this.socket);
  }

  /** Whether nothing of it is in this process: no request or a part of one, and no part of an answer. */
  get isBetweenMessages() {
    return this.#exchanges.size === 0 && !this.upgraded && isBetweenMessages(this.socket);
  }

  /** Lets it end: now if it has fallen idle, else with the answer to the last request it has brought. */
  finish() {
    if (!this.idle) return this.#closeWithLast();
    // One that has brought nothing yet may be about to: its request is answered with a refusal, and not with an end.
    if (this.socket.bytesRead === this.#before) this.#closeWhenIdleForLong();
    else this.socket.destroySoon();
  }

  /** Lets it end without refusing anything, because it cannot go on elsewhere. */
  part() {
    if (this.upgraded) return;
    this.#closeWithLast();
    this.#closeWhenIdleForLong();
  }

  #closeWhenIdleForLong() {
    setTimeout(() => this.idle && this.socket.destroySoon(), lingerMs).unref();
  }

  #closeWithLast() {
    const last = [...this.#exchanges].at(-1)?.response;
    if (last && !last.headersSent) last.setHeader('Connection', 'close');
  }
}

module.exports = { Connection };
