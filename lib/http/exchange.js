/**
 * One request and the answer to it, until the answer is sent or its connection is closed.
 *
 * Every request pays for this, so it takes one object and one listener, and no function of its own.
 */

/** @import { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http' */
/** @import { Socket } from 'node:net' */
/** @import { Duplex } from 'node:stream' */
/** @import { Instance as Connection } from './connection.js' */

/**
 * What answers requests: an application of one generation, and what is under way in it.
 *
 * @typedef {object} Generation
 * @property {HttpServer} server
 * @property {boolean} busy
 * @property {(exchange: Exchange) => void} begin
 * @property {(exchange: Exchange) => void} end
 * @property {(socket: Socket) => boolean} carry takes a connection that brings no requests, and says whether it is one
 * @property {(request: IncomingMessage, socket: Duplex) => void} upgrade
 * @property {() => void} windUp tells what would not end by itself to end
 */

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
