/**
 * Where every request of a server comes in, whichever generation's HTTP server read it: an endpoint answers, or
 * the refusal of a server that drains, or the application of the present generation.
 *
 * Each generation has an HTTP server of its own, which parses what its connections send, with its own limits and
 * certificates. The events of those servers are taken over, so that a connection of an old generation serves the
 * new one from its next request on, and no connection has to be closed for a restart. Every connection is known
 * here until it is closed.
 */

/** @import { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http' */
/** @import { Duplex } from 'node:stream' */
/** @import { AddressInfo, Socket } from 'node:net' */
/** @import { Instance as Endpoints } from './endpoints.js' */
/** @import { Generation } from './exchange.js' */
/** @import { Watcher } from './traffic.js' */

const { Server: TlsServer } = require('node:tls');
const { Borrowed } = require('./borrowed.js');
const { Connection } = require('./connection.js');
const { Exchange } = require('./exchange.js');
const { asNodeMakesIt } = require('./own-messages.js');

/** @typedef {(...args: any[]) => any} Emit */
/** @typedef {InstanceType<typeof Borrowed>} Loan */

const refusal = 'Server is draining';
const bareRefusal = `HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${refusal.length}\r\n\r\n${refusal}`;

/** @param {ServerResponse} response */
function refuse(response) {
  const http2 = response.req.httpVersionMajor >= 2;
  const headers = { 'Content-Type': 'text/plain', 'Content-Length': refusal.length };
  response.writeHead(503, http2 ? headers : { ...headers, Connection: 'close' });
  response.end(refusal);
}

/** @typedef {Reception} Instance */

class Reception {
  /** @type {Generation | undefined} */
  current;
  draining = false;
  /** @type {Map<Duplex, InstanceType<typeof Connection>>} */
  #connections = new Map();
  /** @type {Map<Socket, () => void>} every socket, also below TLS and HTTP/2, and what to do when it is gone */
  #sockets = new Map();
  /** @type {Set<import('node:http2').Http2Session>} */
  #sessions = new Set();
  /** @type {Map<HttpServer, Loan>} the servers of the present generation, and of old ones with connections */
  #servers = new Map();
  /** @type {Duplex | undefined} whose arrival is being told */
  #arriving;
  /** @type {{ until: () => boolean, resolve: () => void }[]} */
  #waiting = [];
  /** Whether connections are to end, or go on elsewhere, without a request being refused. */
  #parting = false;
  /** Requests under way. */
  requests = 0;
  /** @type {Watcher | undefined} who moves connections */
  #watcher;

  /** @param {Endpoints} endpoints */
  constructor(endpoints) {
    this.endpoints = endpoints;
  }

  /** @param {Watcher} watcher */
  watch(watcher) {
    this.#watcher = watcher;
  }

  /** The connections that requests come over. */
  get lines() {
    return this.#connections.values();
  }

  /** @param {Socket} socket */
  lineOf(socket) {
    return this.#connections.get(socket);
  }

  get connections() {
    return this.#sockets.size;
  }

  /**
   * Lets a generation answer all requests from now on.
   *
   * @param {Generation} generation
   * @param {() => AddressInfo | string | null} [address] where its server seems to listen, if it does not
   */
  admit(generation, address) {
    this.current = generation;
    this.draining = false;
    if (!this.#servers.has(generation.server)) this.#takeOver(generation.server);
    if (address) this.#servers.get(generation.server)?.pretendToListen(address);
    for (const [server, borrowed] of this.#servers) {
      borrowed.readFor(server === generation.server);
      this.#letGo(server);
    }
  }

  /** @param {HttpServer} server */
  #takeOver(server) {
    const borrowed = new Borrowed(server);
    const { emit } = borrowed;
    this.#servers.set(server, borrowed);
    // Below TLS there is another socket, whose bytes say nothing about requests.
    const secure = server instanceof TlsServer;
    /** @type {Record<string, Emit>} */
    const taken = {
      connection: (socket) => this.#arrive(server, socket, !secure, () => emit('connection', socket)),
      secureConnection: (socket) =>
        this.#arrive(server, socket, true, () => emit('secureConnection', socket)),
      session: (session) => this.#follow(session) && emit('session', session),
    };
    for (const event of ['request', 'checkContinue', 'checkExpectation']) {
      taken[event] = (request, response) => this.#receive(event, request, response);
    }
    for (const event of ['upgrade', 'connect']) {
      taken[event] = (request, socket, head) => this.#upgrade(event, request, socket, head);
    }
    borrowed.divert(taken);
  }

  /**
   * A server whose generation has been replaced is closed when its last connection is.
   *
   * @param {HttpServer} server
   */
  #letGo(server) {
    const borrowed = this.#servers.get(server);
    if (server === this.current?.server || borrowed?.sockets !== 0) return;
    this.#servers.delete(server);
    borrowed.giveBack();
  }

  /**
   * @param {HttpServer} server
   * @param {Socket} socket
   * @param {boolean} carriesRequests
   * @param {() => boolean} tell
   */
  #arrive(server, socket, carriesRequests, tell) {
    const borrowed = /** @type {Loan} */ (this.#servers.get(server));
    borrowed.sockets += 1;
    if (this.current?.carry(socket)) socket.once('close', () => this.#look());
    else if (carriesRequests) {
      this.#connections.set(socket, new Connection(socket));
    }
    this.#sockets.set(socket, () => {
      borrowed.sockets -= 1;
      this.#letGo(server);
    });
    socket.once('close', () => this.#forget(socket));
    this.#arriving = socket;
    try {
      return tell();
    } finally {
      this.#arriving = undefined;
    }
  }

  /** @param {import('node:http2').Http2Session} session on the connection that has just arrived */
  #follow(session) {
    if (this.#arriving) this.#connections.delete(this.#arriving);
    this.#sessions.add(session);
    session.once('close', () => this.#sessions.delete(session));
    return true;
  }

  /**
   * @param {string} event
   * @param {IncomingMessage} request
   * @param {ServerResponse} response
   */
  #receive(event, request, response) {
    const generation = /** @type {Generation} */ (this.current);
    const connection = this.#connections.get(request.socket);
    const exchange = new Exchange(request, response, generation, connection, this.#ended);
    connection?.begin(exchange);
    this.requests += 1;
    this.#watcher?.began();
    const asked = this.endpoints.asked(request);
    if (asked) {
      this.endpoints.answer(asked, response);
      return true;
    }
    if (this.draining) {
      refuse(response);
      return true;
    }
    generation.begin(exchange);
    if (this.#parting && connection) this.#letGoOn(connection);
    return this.#pass(generation.server, event, request, response);
  }

  #ended = (/** @type {InstanceType<typeof Exchange>} */ exchange) => {
    const { connection, generation, response } = exchange;
    connection?.end(exchange);
    generation.end(exchange);
    this.requests -= 1;
    if (this.draining) connection?.finish();
    else if (this.#parting && connection) this.#letGoOn(connection);
    this.#watcher?.ended(connection, response);
    this.#look();
  };

  /**
   * Tells the server of the present generation, which need not be the one that read the request.
   *
   * @param {HttpServer} server
   * @param {string} event
   * @param {IncomingMessage} request
   * @param {ServerResponse} response
   */
  #pass(server, event, request, response) {
    const { emit } = /** @type {Loan} */ (this.#servers.get(server));
    if (event !== 'request') for (const message of [request, response]) asNodeMakesIt(message);
    if (event === 'request' || server.listenerCount(event) > 0) return emit(event, request, response);
    // The server that read it had a listener for this, and the present one leaves it to Node.
    if (event === 'checkContinue') response.writeContinue();
    return emit('request', request, response);
  }

  /**
   * @param {string} event
   * @param {IncomingMessage} request
   * @param {Socket} socket
   * @param {Buffer} head
   */
  #upgrade(event, request, socket, head) {
    if (this.draining) {
      socket.end(bareRefusal);
      return true;
    }
    asNodeMakesIt(request);
    const { server } = /** @type {Generation} */ (this.current);
    const connection = this.#connections.get(socket);
    if (connection) connection.upgraded = true;
    this.current?.upgrade(request, socket);
    socket.once('close', () => this.#look());
    const { emit } = /** @type {Loan} */ (this.#servers.get(server));
    if (!emit(event, request, socket, head)) socket.destroy();
    return true;
  }

  /** Refuses new requests, and closes each connection as it falls idle. */
  drain() {
    this.draining = true;
    this.current?.windUp();
    for (const connection of this.#connections.values()) connection.finish();
    for (const session of this.#sessions) session.close();
  }

  get #quiet() {
    if (this.current?.busy) return false;
    for (const { idle } of this.#connections.values()) if (!idle) return false;
    return true;
  }

  #look() {
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
      this.#look();
    });
  }

  /** Resolves when no request is under way, or on its way in. */
  quiet() {
    return this.#wait(() => this.#quiet);
  }

  /** Resolves when no connection is left. */
  empty() {
    return this.#wait(() => this.#sockets.size === 0);
  }

  /**
   * Lets each connection go on elsewhere as it falls idle. One that cannot ends with its next answer, or when it has
   * stayed idle for a while.
   *
   * @param {() => void} begin tells whoever moves connections to begin
   */
  part(begin) {
    this.#parting = true;
    this.current?.windUp();
    for (const connection of this.#connections.values()) this.#letGoOn(connection);
    for (const session of this.#sessions) session.close();
    begin();
  }

  /** @param {InstanceType<typeof Connection>} connection */
  #letGoOn(connection) {
    if (!this.#watcher?.moves(connection)) connection.part();
  }

  /** @param {Socket} socket one that is closed */
  #forget(socket) {
    const gone = this.#sockets.get(socket);
    this.#sockets.delete(socket);
    this.#connections.delete(socket);
    gone?.();
    this.#look();
  }

  /** Closes every connection that is left, whatever it is doing. */
  async closeAll() {
    const closed = [...this.#sockets.keys()].map((socket) => {
      const gone = new Promise((resolve) => socket.once('close', resolve));
      socket.destroy();
      return gone;
    });
    await Promise.all(closed);
    this.current = undefined;
    for (const server of this.#servers.keys()) this.#letGo(server);
  }
}

module.exports = { Reception };
