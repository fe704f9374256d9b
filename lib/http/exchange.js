/**
 * One request and the answer to it, until the answer is sent or its connection is closed.
 *
 * Every request pays for this, so it takes one object and one listener, and no function of its own.
 */

/** @import { IncomingMessage, ServerResponse } from 'node:http' */
/** @import { Instance as Connection } from './connection.js' */
/** @import { Instance as Generation } from '../lifecycle/generation.js' */

const ofResponse = Symbol('exchange');

/** @this {any} */
function closed() {
  this[ofResponse].end();
}

/** @typedef {Exchange} Instance */

class Exchange {
  #isOver = false;
  #ended;

  /**
   * @param {IncomingMessage} request
   * @param {ServerResponse} response
   * @param {Generation} generation
   * @param {Connection | undefined} connection a stream of HTTP/2 has none to itself
   * @param {(exchange: Exchange) => void} ended
   */
  constructor(request, response, generation, connection, ended) {
    this.request = request;
    this.response = response;
    this.generation = generation;
    this.connection = connection;
    this.#ended = ended;
    /** @type {any} */ (response)[ofResponse] = this;
    response.on('close', closed);
  }

  /** Also called for an answer whose turn never came, because its connection is closed. */
  end() {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#ended(this);
  }
}

module.exports = { Exchange };
