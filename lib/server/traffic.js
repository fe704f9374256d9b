/**
 * The connections of a worker's HTTP server, and what is under way on them: counted, and brought to an end when the
 * worker leaves.
 *
 * Nothing is refused here. A worker that leaves answers what still comes over its connections, and says with each answer
 * that the connection ends; one that is idle is closed when it has been so for a while. The server's events are only
 * looked at as they pass, so it behaves as it would without.
 */

/** @import { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http' */
/** @import { Duplex } from 'node:stream' */
/** @import { Socket } from 'node:net' */

const { Server: TlsServer } = require('node:tls');
const { endEventStream, isEventStream, sendCloseFrame } = require('../lifecycle/farewell.js');

const namedCulprits = 3;

/** @param {IncomingMessage} request without the query, which may hold secrets */
const nameOf = ({ method, url }) => `${method} ${String(url).split('?', 1)[0]}`;

/** What is under way on one connection that requests come over. */
class Line {
  /** In the order of the requests. @type {Set<ServerResponse>} */
  responses = new Set();
  upgraded = false;
  /** How many bytes had been read when it last fell idle. */
  #mark;

  /** @param {Socket} socket what requests come over: the TLS socket, where there is one */
  constructor(socket) {
    this.socket = socket;
    this.#mark = socket.bytesRead;
  }

  /** @param {ServerResponse} response */
  end(response) {
    this.responses.delete(response);
    if (this.responses.size === 0) this.#mark = this.socket.bytesRead;
  }

  /** Whether nothing is under way: no request is answered, and none has begun to arrive. */
  get idle() {
    return this.responses.size === 0 && !this.upgraded && this.socket.bytesRead === this.#mark;
  }

  /** Lets it end with the answer to the last request that it has brought. */
  closeWithLast() {
    const last = [...this.responses].at(-1);
    if (last && !last.headersSent) last.setHeader('Connection', 'close');
  }
}

/** @typedef {(...args: any[]) => void} Watcher */

/** @typedef {Traffic} Instance */

class Traffic {
  /** @type {Map<Duplex, Line>} */
  #lines = new Map();
  /** @type {Set<Socket>} every socket, also below TLS and HTTP/2 */
  #sockets = new Set();
  /** @type {Set<import('node:http2').Http2Session>} */
  #sessions = new Set();
  /** @type {Set<ServerResponse>} */
  #responses = new Set();
  /** @type {Map<Duplex, number>} WebSockets, and how much had been written when they were asked for */
  #webSockets = new Map();
  /** @type {Duplex | undefined} whose arrival is being told */
  #arriving;
  /** @type {{ lingerMs: number, closes: boolean } | undefined} how this worker leaves, once it does */
  #leaving;
  /** @type {(() => void) | undefined} */
  #emptied;

  /** @param {HttpServer} server */
  constructor(server) {
    const secure = server instanceof TlsServer;
    /** @type {Record<string, Watcher>} */
    const watchers = {
      connection: (socket) => this.#arrive(socket, !secure),
      secureConnection: (socket) => this.#arrive(socket, true),
      session: (session) => this.#follow(session),
      request: (request, response) => this.#receive(request, response),
      checkContinue: (request, response) => this.#receive(request, response),
      checkExpectation: (request, response) => this.#receive(request, response),
      upgrade: (request, socket) => this.#upgrade(request, socket),
      connect: (request, socket) => this.#upgrade(request, socket),
    };
    const { emit } = server;
    server.emit = (/** @type {string} */ event, /** @type {any[]} */ ...args) => {
      if (Object.hasOwn(watchers, event)) watchers[event](...args);
      try {
        return Reflect.apply(emit, server, [event, ...args]);
      } finally {
        if (event === 'secureConnection' || event === 'connection') this.#arriving = undefined;
      }
    };
  }

  get connections() {
    return this.#sockets.size;
  }

  get requests() {
    return this.#responses.size;
  }

  /**
   * @param {Socket} socket
   * @param {boolean} carriesRequests
   */
  #arrive(socket, carriesRequests) {
    const line = carriesRequests ? new Line(socket) : undefined;
    if (line) {
      this.#lines.set(socket, line);
      this.#arriving = socket;
    }
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#lines.delete(socket);
      // Requests that were sent one behind the other: of those whose turn never came, nobody else tells the end.
      for (const response of line?.responses ?? []) this.#responses.delete(response);
      this.#look();
    });
    if (line) this.#part(line);
  }

  /** @param {import('node:http2').Http2Session} session on the connection that has just arrived */
  #follow(session) {
    if (this.#arriving) this.#lines.delete(this.#arriving);
    this.#sessions.add(session);
    session.once('close', () => this.#sessions.delete(session));
    if (this.#leaving) session.close();
  }

  /**
   * @param {IncomingMessage} request
   * @param {ServerResponse} response
   */
  #receive(request, response) {
    // A stream of HTTP/2 has no connection to itself.
    const line = this.#lines.get(request.socket);
    this.#responses.add(response);
    line?.responses.add(response);
    response.once('close', () => {
      this.#responses.delete(response);
      line?.end(response);
      if (line) this.#part(line);
    });
    if (line) this.#part(line);
  }

  /**
   * @param {IncomingMessage} request
   * @param {Socket} socket
   */
  #upgrade(request, socket) {
    const line = this.#lines.get(socket);
    if (line) line.upgraded = true;
    if (String(request.headers.upgrade).toLowerCase() !== 'websocket') return;
    this.#webSockets.set(socket, socket.bytesWritten ?? 0);
    socket.once('close', () => this.#webSockets.delete(socket));
    if (this.#leaving) sendCloseFrame(socket, socket.bytesWritten ?? 0);
  }

  /**
   * Lets a connection end, where this worker leaves: with its next answer, or when it has been idle for a while.
   *
   * @param {Line} line
   */
  #part(line) {
    if (!this.#leaving?.closes || line.upgraded) return;
    if (!line.idle) return line.closeWithLast();
    setTimeout(() => line.idle && line.socket.destroySoon(), this.#leaving.lingerMs).unref();
  }

  #look() {
    if (this.#sockets.size === 0) this.#emptied?.();
  }

  /**
   * Brings all to an end, and resolves when no connection is left.
   *
   * @param {{ lingerMs: number, closes: boolean }} how whether connections are closed here, or go elsewhere
   * @returns {Promise<void>}
   */
  leave(how) {
    this.#leaving = how;
    for (const response of this.#responses) if (isEventStream(response)) endEventStream(response);
    for (const [socket, written] of this.#webSockets) sendCloseFrame(socket, written);
    for (const line of this.#lines.values()) this.#part(line);
    for (const session of this.#sessions) session.close();
    return new Promise((resolve) => {
      this.#emptied = resolve;
      this.#look();
    });
  }

  /**
   * Closes what is left.
   *
   * @returns {string} the requests that got no answer; nothing if there were none
   */
  cut() {
    const names = [...this.#responses].map(({ req }) => nameOf(req));
    for (const socket of this.#sockets) socket.destroy();
    const more = names.length - namedCulprits;
    return names.slice(0, namedCulprits).join(', ') + (more > 0 ? ` and ${more} more` : '');
  }
}

module.exports = { Traffic };
