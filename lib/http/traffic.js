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
const { isBetweenMessages, isEmpty, isReading } = require('./between-messages.js');
const { endEventStream, isEventStream, sendCloseFrame } = require('./farewell.js');
const { asNodeMakesIt } = require('./own-messages.js');

const namedCulprits = 3;

/** @param {IncomingMessage} request without the query, which may hold secrets */
const nameOf = ({ method, url }) => `${method} ${String(url).split('?', 1)[0]}`;

/** Where a socket has its line: the way there is gone twice for each request. */
const LINE = Symbol('line');

/** What is under way on one connection that requests come over. */
class Line {
  /** In the order of the requests: seldom more than one, so nothing is faster. @type {ServerResponse[]} */
  responses = [];
  upgraded = false;

  /** @param {Socket} socket what requests come over: the TLS socket, where there is one */
  constructor(socket) {
    this.socket = socket;
  }

  /**
   * @param {ServerResponse} response
   * @returns {boolean} whether it was under way
   */
  end(response) {
    const { responses } = this;
    if (responses.length === 1 && responses[0] === response) responses.pop();
    else {
      const at = responses.indexOf(response);
      if (at < 0) return false;
      responses.splice(at, 1);
    }
    return true;
  }

  /** Whether nothing is under way: no request is answered, and none has begun to arrive. */
  get idle() {
    return this.responses.length === 0 && !this.upgraded && !isReading(this.socket);
  }

  /** Whether nothing of it is in this process, but perhaps a part of a request. */
  get isEmpty() {
    return this.responses.length === 0 && !this.upgraded && isEmpty(this.socket);
  }

  /** Whether nothing of it is in this process: no request or a part of one, and no part of an answer. */
  get isBetweenMessages() {
    return this.responses.length === 0 && !this.upgraded && isBetweenMessages(this.socket);
  }

  /** Lets it end with the answer to the last request that it has brought. */
  closeWithLast() {
    const last = this.responses.at(-1);
    if (last && !last.headersSent) last.setHeader('Connection', 'close');
  }
}

/**
 * @param {IncomingMessage} request
 * @returns {Line | undefined} nothing for a stream of HTTP/2, which has no connection to itself
 */
const lineOf = (request) =>
  request.httpVersionMajor < 2 ? /** @type {any} */ (request.socket)[LINE] : undefined;

/**
 * What whoever moves connections has to know of those of a worker; the lifecycle keeps such books too.
 *
 * @typedef {object} Books
 * @property {number} requests under way
 * @property {Iterable<BookedLine>} lines
 * @property {(socket: Socket) => BookedLine | undefined} lineOf
 * @property {(watcher: Watcher) => void} watch
 */
/**
 * @typedef {object} BookedLine one connection that requests come over
 * @property {Socket} socket the TLS socket, where there is one
 * @property {boolean} isEmpty whether nothing of it is in this process, but perhaps a part of a request
 * @property {boolean} isBetweenMessages whether nothing of it is in this process
 */
/**
 * @typedef {object} Watcher who moves connections
 * @property {() => void} began a request has come
 * @property {(line?: BookedLine, response?: ServerResponse) => void} ended one was answered, or its connection has ended
 * @property {(line: BookedLine) => boolean} moves whether a connection is one of those that it moves
 */

/** @typedef {Traffic} Instance */

class Traffic {
  /** @type {Map<Duplex, Line>} */
  #lines = new Map();
  /** @type {Set<Socket>} every socket, also below TLS and HTTP/2 */
  #sockets = new Set();
  /** @type {Set<import('node:http2').Http2Session>} */
  #sessions = new Set();
  /** Those of HTTP/2, which have no line. @type {Set<ServerResponse>} */
  #streams = new Set();
  /** How many requests are under way, over lines and streams. */
  #requests = 0;
  /** @type {Map<Duplex, number>} WebSockets, and how much had been written when they were asked for */
  #webSockets = new Map();
  /** @type {Duplex | undefined} whose arrival is being told */
  #arriving;
  /** @type {{ lingerMs: number, closes: boolean } | undefined} how this worker leaves, once it does */
  #leaving;
  /** @type {(() => void) | undefined} */
  #emptied;
  /** @type {Watcher | undefined} */
  #watcher;
  /** One function for all responses, and one for all sockets: one made for each would cost more than all the rest. */
  #onEnd;
  #onClose;

  /** @param {HttpServer} server */
  constructor(server) {
    const traffic = this;
    this.#onEnd = /** @this {ServerResponse} */ function () {
      traffic.#end(this);
    };
    this.#onClose = /** @this {Socket} */ function () {
      traffic.#forget(this);
    };
    this.#listenIn(server);
  }

  /** @param {HttpServer} server */
  #listenIn(server) {
    const traffic = this;
    const secure = server instanceof TlsServer;
    /** @type {{ emit: (this: HttpServer, ...event: any[]) => boolean }} */
    const { emit } = server;
    server.emit = function (
      /** @type {string} */ event,
      /** @type {any} */ first = undefined,
      /** @type {any} */ second = undefined,
    ) {
      switch (event) {
        case 'checkContinue':
        case 'checkExpectation':
          for (const message of [first, second]) asNodeMakesIt(message);
          traffic.#receive(first, second);
          return emit.call(this, event, first, second);
        case 'request':
          traffic.#receive(first, second);
          return emit.call(this, event, first, second);
        case 'connection':
        case 'secureConnection':
          traffic.#arrive(first, event === 'secureConnection' || !secure);
          break;
        case 'session':
          traffic.#follow(first);
          break;
        case 'upgrade':
        case 'connect':
          traffic.#upgrade(first, second);
      }
      // biome-ignore lint/complexity/noArguments: passes on exactly what there was, at the price of a call
      return Reflect.apply(emit, server, arguments);
    };
  }

  /** @param {Watcher} watcher */
  watch(watcher) {
    this.#watcher = watcher;
  }

  /** The connections that requests come over. */
  get lines() {
    return this.#lines.values();
  }

  /** @param {Socket} socket */
  lineOf(socket) {
    return this.#lines.get(socket);
  }

  get connections() {
    return this.#sockets.size;
  }

  get requests() {
    return this.#requests;
  }

  /**
   * @param {Socket} socket
   * @param {boolean} carriesRequests
   */
  #arrive(socket, carriesRequests) {
    const line = carriesRequests ? new Line(socket) : undefined;
    if (line) {
      this.#lines.set(socket, line);
      /** @type {any} */ (socket)[LINE] = line;
      this.#arriving = socket;
    }
    this.#sockets.add(socket);
    socket.on('close', this.#onClose);
    if (line) this.#part(line);
  }

  /** @param {Socket} socket that is closed */
  #forget(socket) {
    /** @type {Line | undefined} */
    const line = /** @type {any} */ (socket)[LINE];
    this.#sockets.delete(socket);
    this.#lines.delete(socket);
    if (line) {
      // Requests that were sent one behind the other: of those whose turn never came, nobody else tells the end.
      this.#requests -= line.responses.length;
      line.responses = [];
    }
    this.#watcher?.ended();
    this.#look();
  }

  /** @param {import('node:http2').Http2Session} session on the connection that has just arrived */
  #follow(session) {
    const carrier = this.#arriving;
    if (carrier) this.#lines.delete(carrier);
    this.#sessions.add(session);
    session.once('close', () => this.#sessions.delete(session));
    if (this.#leaving) session.close();
  }

  /**
   * @param {IncomingMessage} request
   * @param {ServerResponse} response
   */
  #receive(request, response) {
    const line = lineOf(request);
    if (line) line.responses.push(response);
    else this.#streams.add(response);
    this.#requests += 1;
    response.on('close', this.#onEnd);
    this.#watcher?.began();
    if (line) this.#part(line);
  }

  /** @param {ServerResponse} response */
  #end(response) {
    const line = lineOf(response.req);
    // Where the connection has ended, so have its requests: all is told already.
    if (!(line ? line.end(response) : this.#streams.delete(response))) return;
    this.#requests -= 1;
    if (line) this.#part(line);
    this.#watcher?.ended(line, response);
  }

  /** @returns {ServerResponse[]} all that are under way */
  get #responses() {
    return [...this.#streams, ...[...this.#lines.values()].flatMap(({ responses }) => responses)];
  }

  /**
   * @param {IncomingMessage} request
   * @param {Socket} socket
   */
  #upgrade(request, socket) {
    asNodeMakesIt(request);
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
    if (!this.#leaving || line.upgraded) return;
    if (!this.#leaving.closes && this.#watcher?.moves(line)) return;
    if (!line.idle) return line.closeWithLast();
    setTimeout(() => line.idle && line.socket.destroySoon(), this.#leaving.lingerMs).unref();
  }

  #look() {
    if (this.#sockets.size === 0) this.#emptied?.();
  }

  /**
   * Brings all to an end, and resolves when no connection is left.
   *
   * @param {{ lingerMs: number, closes: boolean }} how whether also connections are closed here that can go elsewhere
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
    const names = this.#responses.map(({ req }) => nameOf(req));
    for (const socket of this.#sockets) socket.destroy();
    const more = names.length - namedCulprits;
    return names.slice(0, namedCulprits).join(', ') + (more > 0 ? ` and ${more} more` : '');
  }
}

module.exports = { Traffic };
