/**
 * Where every request of a server comes in, whichever application's HTTP server read it: an endpoint answers, or the
 * refusal of a server that drains, or the present application. And how what is under way comes to its end.
 *
 * Each application has an HTTP server of its own, which parses what its connections send, with its own limits and
 * certificates. A connection of an old one serves the new one from its next request on, so that no connection has to be
 * closed for a restart.
 */

/** @import { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http' */
/** @import { AddressInfo } from 'node:net' */
/** @import { Instance as Connection, Upgrade } from './connection.js' */
/** @import { Instance as Endpoints } from './endpoints.js' */

const { ConnectionTable } = require('./connection-table.js');
const { endEventStream, endWhen, isEventStream, sendCloseFrame } = require('./farewell.js');
const { asNodeMakesIt } = require('./own-messages.js');

/**
 * What answers requests. One without a server of Node's keeps its connections to itself.
 *
 * @typedef {object} Application
 * @property {HttpServer} [server]
 * @property {(socket: any) => boolean} [carries] of a server that reads no requests: whether a connection is quiet
 */
/**
 * How connections end without a request being refused.
 *
 * @typedef {object} Parting
 * @property {number} lingerMs how long one that is idle may stay
 * @property {boolean} moves whether those that can go on elsewhere are left to whoever moves them
 */

const refusal = 'Server is draining';
const bareRefusal = `HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${refusal.length}\r\n\r\n${refusal}`;
const namedCulprits = 3;

/** @param {ServerResponse} response */
function refuse(response) {
  const http2 = response.req.httpVersionMajor >= 2;
  const headers = { 'Content-Type': 'text/plain', 'Content-Length': refusal.length };
  response.writeHead(503, http2 ? headers : { ...headers, Connection: 'close' });
  response.end(refusal);
}

/** @param {IncomingMessage} request without the query, which may hold secrets */
const nameOf = ({ method, url }) => `${method} ${String(url).split('?', 1)[0]}`;

/** @typedef {Reception} Instance */

class Reception {
  /** @type {Application | undefined} */
  current;
  draining = false;
  /** @type {Parting | undefined} */
  #parting;
  /** Applications that were replaced, and what they have still to answer. @type {Map<Application, Set<ServerResponse>>} */
  #old = new Map();
  /** Applications that were told to end what does not end by itself. @type {WeakSet<object>} */
  #woundUp = new WeakSet();
  /** @type {{ until: () => boolean, resolve: () => void }[]} */
  #waiting = [];

  /** @param {Endpoints} [endpoints] */
  constructor(endpoints) {
    this.endpoints = endpoints;
    this.table = new ConnectionTable(this);
  }

  /**
   * Lets an application answer all requests from now on.
   *
   * @param {Application} application
   * @param {() => AddressInfo | string | null} [address] where its server seems to listen, if it does not
   * @param {() => Promise<void> | undefined} [closing] told when its server is closed by the application itself
   */
  admit(application, address, closing) {
    const before = this.current;
    if (before && before !== application) this.#old.set(before, new Set(this.#responsesOf(before)));
    this.current = application;
    this.draining = false;
    if (application.server) this.table.admit(application.server, address, closing);
  }

  /** @param {Connection} connection */
  arrived(connection) {
    const { current } = this;
    const isQuiet = current?.carries;
    if (isQuiet)
      this.#hold(connection, { application: current, webSocket: false, writtenBefore: 0, isQuiet });
    else if (this.#parting) this.#part(connection, this.#parting);
  }

  /** @param {import('node:http2').Http2Session} session */
  follow(session) {
    if (this.#parting) session.close();
  }

  /**
   * @param {string} event
   * @param {IncomingMessage} request
   * @param {ServerResponse} response
   * @param {Connection} [connection]
   */
  receive(event, request, response, connection) {
    const asked = this.endpoints?.asked(request);
    if (asked) {
      this.endpoints?.answer(asked, response);
      return true;
    }
    if (this.draining) {
      refuse(response);
      return true;
    }
    if (this.#parting && connection) this.#part(connection, this.#parting);
    return event === 'request'
      ? this.table.tellRequest(request, response)
      : this.#pass(event, request, response);
  }

  /**
   * @param {string} event
   * @param {IncomingMessage} request
   * @param {ServerResponse} response
   */
  #pass(event, request, response) {
    for (const message of [request, response]) asNodeMakesIt(message);
    if (this.current?.server && this.current.server.listenerCount(event) > 0)
      return this.table.tell(event, request, response);
    // The server that read it had a listener for this, and the present one leaves it to Node.
    if (event === 'checkContinue') response.writeContinue();
    return this.table.tellRequest(request, response);
  }

  /**
   * @param {ServerResponse} response
   * @param {Connection} [connection] if it has not ended too
   */
  ended(response, connection) {
    if (this.#old.size > 0) for (const left of this.#old.values()) left.delete(response);
    if (!connection) return;
    if (this.draining) connection.finish();
    else if (this.#parting) this.#part(connection, this.#parting);
  }

  /**
   * @param {string} event
   * @param {IncomingMessage} request
   * @param {Connection} connection
   * @param {Buffer} head
   */
  upgrade(event, request, connection, head) {
    const { socket } = connection;
    if (this.draining) {
      socket.end(bareRefusal);
      return true;
    }
    asNodeMakesIt(request);
    const webSocket = String(request.headers.upgrade).toLowerCase() === 'websocket';
    const { bytesWritten: writtenBefore = 0 } = socket;
    this.#hold(connection, { application: /** @type {object} */ (this.current), webSocket, writtenBefore });
    if (!this.table.tell(event, request, socket, head)) socket.destroy();
    return true;
  }

  /**
   * @param {Connection} connection
   * @param {Upgrade} upgrade
   */
  #hold(connection, upgrade) {
    connection.upgrade = upgrade;
    if (this.#woundUp.has(upgrade.application)) this.#bidFarewell(connection, upgrade);
  }

  /**
   * @param {Connection} connection
   * @param {Upgrade} upgrade
   */
  #bidFarewell({ socket }, { webSocket, writtenBefore, isQuiet }) {
    if (webSocket) sendCloseFrame(socket, writtenBefore);
    if (isQuiet) endWhen(isQuiet, socket);
  }

  /** @param {Application} application @returns {ServerResponse[]} what it has still to answer */
  #responsesOf(application) {
    const left = this.#old.get(application);
    if (left) return [...left];
    const others = [...this.#old.values()];
    return this.table.responses.filter(
      (response) => !others.some((each) => each.has(response)) && !this.endpoints?.asked(response.req),
    );
  }

  /** @param {Application} application @returns {Connection[]} those that speak something else than HTTP by now */
  #upgradesOf(application) {
    return [...this.table.connections].filter(({ upgrade }) => upgrade?.application === application);
  }

  /**
   * Tells what would not end by itself to end.
   *
   * @param {Application} application
   */
  windUp(application) {
    this.#woundUp.add(application);
    for (const response of this.#responsesOf(application)) {
      if (isEventStream(response)) endEventStream(response);
    }
    for (const connection of this.#upgradesOf(application)) {
      this.#bidFarewell(connection, /** @type {Upgrade} */ (connection.upgrade));
    }
  }

  /**
   * Resolves when an application that was replaced has nothing under way.
   *
   * @param {Application} application
   */
  async finished(application) {
    await this.#wait(
      () => this.#responsesOf(application).length === 0 && this.#upgradesOf(application).length === 0,
    );
    this.#old.delete(application);
  }

  /**
   * Cuts what an application has still under way.
   *
   * @param {Application} application
   * @returns {string} the requests that got no answer; nothing if there were none
   */
  cut(application) {
    const responses = this.#responsesOf(application);
    const names = responses.map(({ req }) => nameOf(req));
    const upgrades = this.#upgradesOf(application);
    const busy = upgrades.filter(({ socket, upgrade }) => upgrade?.isQuiet?.(socket) === false).length;
    if (busy > 0) names.push(`what came over ${busy} connection${busy > 1 ? 's' : ''}`);
    for (const response of responses) {
      response.destroy();
      response.req.destroy();
    }
    for (const { socket } of upgrades) socket.destroy();
    const more = names.length - namedCulprits;
    return names.slice(0, namedCulprits).join(', ') + (more > 0 ? ` and ${more} more` : '');
  }

  #windUpCurrent() {
    if (this.current) this.windUp(this.current);
  }

  /** Refuses new requests, and closes each connection as it falls idle. */
  drain() {
    this.draining = true;
    this.#windUpCurrent();
    for (const connection of this.table.connections) connection.finish();
    for (const session of this.table.sessions) session.close();
  }

  get #quiet() {
    if (this.table.requests > 0) return false;
    for (const { idle } of this.table.connections) if (!idle) return false;
    return true;
  }

  /** Something has ended: those who wait for it hear of that. */
  look() {
    if (this.#waiting.length === 0) return;
    for (const waiting of this.#waiting) if (waiting.until()) waiting.resolve();
    this.#waiting = this.#waiting.filter(({ until }) => !until());
  }

  /**
   * @param {() => boolean} until
   * @returns {Promise<void>}
   */
  #wait(until) {
    return new Promise((resolve) => {
      this.#waiting.push({ until, resolve });
      this.look();
    });
  }

  /** Resolves when no request is under way, or on its way in. */
  quiet() {
    return this.#wait(() => this.#quiet);
  }

  /** Resolves when no connection is left. */
  empty() {
    return this.#wait(() => this.table.size === 0);
  }

  /**
   * Lets every connection end, or go on elsewhere, as it falls idle, and refuses no request. One that cannot go on ends
   * with its next answer, or when it has stayed idle for a while.
   *
   * @param {Parting} parting
   */
  part(parting) {
    this.#parting = parting;
    this.#windUpCurrent();
    for (const connection of this.table.connections) this.#part(connection, parting);
    for (const session of this.table.sessions) session.close();
  }

  /**
   * @param {Connection} connection
   * @param {Parting} parting
   */
  #part(connection, { lingerMs, moves }) {
    if (!(moves && this.table.moves(connection))) connection.part(lingerMs);
  }

  /** Closes every connection that is left, whatever it is doing. */
  async closeAll() {
    await this.table.closeAll();
    this.current = undefined;
  }
}

module.exports = { Reception };
