/**
 * The record of one connection that requests come over: what is under way on it, and how it can end.
 *
 * Requests that were sent one behind the other are answered in their order, so there can be several at once. Every
 * request goes through here: nothing is made for one.
 */

/** @import { ServerResponse } from 'node:http' */
/** @import { Socket } from 'node:net' */

const { isEmpty, isReading } = require('./between-messages.js');

/**
 * What a connection carries in the place of requests.
 *
 * @typedef {object} Upgrade
 * @property {object} application that answered the request for it
 * @property {boolean} webSocket
 * @property {number} writtenBefore how many bytes had been written when it was asked for
 * @property {(socket: any) => boolean} [isQuiet] says of a connection whose requests cannot be told apart whether it may end
 */

/** How long one that has brought nothing yet, in a server that ends, may stay idle before it is closed. */
const firstRequestMs = 1000;

/** In the place of a time. */
const NOT_UNDER_WAY = -1;

/**
 * In the place of the socket of one that has ended: nothing is left to do for it. What is dead must not keep what is dead: see
 * `../base/roster.js`.
 *
 * @type {any}
 */
const gone = { destroyed: true, bytesRead: 0, readableLength: 0, destroySoon() {} };

/** @typedef {Connection} Instance */

class Connection {
  /** The answer to the first request that is under way, and when that had come. @type {ServerResponse | undefined} */
  #response;
  #time = NOT_UNDER_WAY;
  /**
   * Of requests that were sent behind it, in their order, if there ever were any.
   *
   * @type {{ response: ServerResponse, time: number }[] | undefined}
   */
  #behind;
  /** Whether something came over it that no parser could read: nobody knows where its next message would begin. */
  isBroken = false;
  /** What it speaks by now, if that is something else than HTTP. @type {Upgrade | undefined} */
  upgrade;
  /** How many bytes had been read of what is not its own, such as a header that told whose it is. */
  #before;

  /** @param {Socket} socket what requests come over: the TLS socket, where there is one */
  constructor(socket) {
    this.socket = socket;
    // What was read of it before it came here, and is to be read again, is the beginning of a request.
    this.#before = socket.bytesRead - socket.readableLength;
  }

  /** Of all requests that are under way, in their order. @returns {ServerResponse[]} */
  get responses() {
    if (this.#response === undefined) return [];
    const behind = this.#behind ?? [];
    return [this.#response, ...behind.map(({ response }) => response)];
  }

  /**
   * @param {ServerResponse} response
   * @param {number} time
   */
  begin(response, time) {
    if (this.#response === undefined) {
      this.#response = response;
      this.#time = time;
    } else {
      this.#behind ??= [];
      this.#behind.push({ response, time });
    }
  }

  /**
   * @param {ServerResponse} response
   * @returns {number} when its request had come; `NOT_UNDER_WAY` if it is not under way
   */
  end(response) {
    if (this.#response !== response) return this.#endBehind(response);
    const began = this.#time;
    const next = this.#behind?.shift();
    this.#response = next?.response;
    this.#time = next?.time ?? NOT_UNDER_WAY;
    return began;
  }

  /** @param {ServerResponse} response one that ends before its turn has come */
  #endBehind(response) {
    const behind = this.#behind ?? [];
    const at = behind.findIndex((each) => each.response === response);
    return at < 0 ? NOT_UNDER_WAY : behind.splice(at, 1)[0].time;
  }

  /** It has ended. @returns {ServerResponse[]} what was under way */
  endAll() {
    const { responses } = this;
    this.socket = gone;
    this.#response = undefined;
    this.#behind = undefined;
    return responses;
  }

  get #isFree() {
    return this.#response === undefined && this.upgrade === undefined;
  }

  get #isReading() {
    return isReading(this.socket, this.#before);
  }

  /** Whether nothing is under way: no request is answered, and none has begun to arrive. */
  get idle() {
    return this.#isFree && this.socket.readableLength === 0 && !this.#isReading;
  }

  /** Whether nothing of it is in this process: no request or a part of one, and no part of an answer. */
  get isBetweenMessages() {
    return this.#isFree && !this.isBroken && isEmpty(this.socket) && !this.#isReading;
  }

  /** Lets it end: now if it has fallen idle, else with the answer to the last request it has brought. */
  finish() {
    // One that has brought nothing yet may be about to: its request is answered with a refusal, and not with an end.
    if (this.idle && this.socket.bytesRead !== this.#before) this.socket.destroySoon();
    else this.part(firstRequestMs);
  }

  /**
   * Lets it end without refusing anything, because it cannot go on elsewhere.
   *
   * @param {number} lingerMs how long it may stay idle: its next request may be on the way
   */
  part(lingerMs) {
    if (this.upgrade) return;
    this.#closeWithLast();
    this.#closeWhenIdleFor(lingerMs);
  }

  /** @param {number} lingerMs */
  #closeWhenIdleFor(lingerMs) {
    setTimeout(() => this.idle && this.socket.destroySoon(), lingerMs).unref();
  }

  #closeWithLast() {
    const last = this.responses.at(-1);
    if (last && !last.headersSent) last.setHeader('Connection', 'close');
  }
}

module.exports = { Connection, NOT_UNDER_WAY };
