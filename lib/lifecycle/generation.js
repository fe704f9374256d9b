/**
 * One generation of a server: a context, the application made from it, and the requests that it answers.
 *
 * A generation ends when it has been replaced or the server stops: what is under way is finished, what would
 * never end is told to, and what does not end in time is cut and named. Its connections may outlive it: requests
 * that come over them later are answered by the generation after it.
 */

/** @import { IncomingMessage } from 'node:http' */
/** @import { Instance as Exchange } from '../http/exchange.js' */
/** @import { Duplex } from 'node:stream' */
/** @import { AnyContext } from './context.js' */
/** @import { Application } from '../http/application.js' */

const { lifetimeOf } = require('./context.js');
const { endEventStream, endWhen, isEventStream, sendCloseFrame } = require('../http/farewell.js');
const { Health } = require('./health.js');

/** @typedef {{ webSocket: boolean, writtenBefore: number, isQuiet?: (socket: any) => boolean }} Upgrade */

const namedCulprits = 3;

/** @param {IncomingMessage} request without the query, which may hold secrets */
const nameOf = ({ method, url }) => `${method} ${String(url).split('?', 1)[0]}`;

/** @typedef {Generation} Instance */

class Generation {
  /** @type {Set<Exchange>} requests that are being answered */
  #exchanges = new Set();
  /** @type {Map<Duplex, Upgrade>} connections that speak something else than HTTP by now */
  #upgrades = new Map();
  /** @type {(() => void)[]} */
  #waiting = [];
  #woundUp = false;

  /**
   * @param {AnyContext} context
   * @param {Application} application
   * @param {number} checkTimeoutMs
   */
  constructor(context, application, checkTimeoutMs) {
    this.context = context;
    this.application = application;
    this.server = application.server;
    this.health = new Health(() => lifetimeOf(context).checks(), checkTimeoutMs);
  }

  get busy() {
    return this.#exchanges.size > 0 || this.#upgrades.size > 0;
  }

  /** @param {Exchange} exchange */
  begin(exchange) {
    this.#exchanges.add(exchange);
  }

  /** @param {Exchange} exchange */
  end(exchange) {
    this.#exchanges.delete(exchange);
    this.#look();
  }

  /**
   * @param {IncomingMessage} request
   * @param {Duplex} socket
   */
  upgrade(request, socket) {
    const webSocket = String(request.headers.upgrade).toLowerCase() === 'websocket';
    this.#hold(socket, { webSocket, writtenBefore: /** @type {any} */ (socket).bytesWritten ?? 0 });
  }

  /**
   * Holds a connection whose requests cannot be told apart, if the application is of that kind.
   *
   * @param {Duplex} socket
   * @returns {boolean} whether it is
   */
  carry(socket) {
    const isQuiet = this.application.carries;
    if (isQuiet) this.#hold(socket, { webSocket: false, writtenBefore: 0, isQuiet });
    if (isQuiet && this.#woundUp) endWhen(isQuiet, socket);
    return isQuiet !== undefined;
  }

  /**
   * @param {Duplex} socket
   * @param {Upgrade} upgrade
   */
  #hold(socket, upgrade) {
    this.#upgrades.set(socket, upgrade);
    socket.once('close', () => {
      this.#upgrades.delete(socket);
      this.#look();
    });
  }

  #look() {
    if (this.busy) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Resolves when nothing is under way. */
  finished() {
    return /** @type {Promise<void>} */ (
      new Promise((resolve) => {
        this.#waiting.push(resolve);
        this.#look();
      })
    );
  }

  /** Tells what would not end by itself to end. */
  windUp() {
    this.#woundUp = true;
    for (const { response } of this.#exchanges) {
      if (isEventStream(response)) endEventStream(response);
    }
    for (const [socket, { webSocket, writtenBefore, isQuiet }] of this.#upgrades) {
      if (webSocket) sendCloseFrame(socket, writtenBefore);
      if (isQuiet) endWhen(isQuiet, socket);
    }
  }

  /**
   * Cuts what is still under way.
   *
   * @returns {string} the requests that got no answer; nothing if there were none
   */
  cut() {
    const names = [...this.#exchanges].map(({ request }) => nameOf(request));
    for (const { request, response } of this.#exchanges) {
      response.destroy();
      request.destroy();
    }
    for (const socket of this.#upgrades.keys()) socket.destroy();
    const more = names.length - namedCulprits;
    return names.slice(0, namedCulprits).join(', ') + (more > 0 ? ` and ${more} more` : '');
  }
}

module.exports = { Generation };
