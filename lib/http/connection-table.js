/**
 * The one book of a server's connections: each has one record, from its arrival to its end, and whoever cares for
 * connections looks here or observes.
 *
 * The events of HTTP servers are taken over, of several where a server has had several generations. Who answers what
 * they bring, the desk decides. Every request goes through here, so that nothing is made for one: no object, and no
 * function of its own. If the process dies, the system closes the connections.
 */

/** @import { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http' */
/** @import { AddressInfo, Socket } from 'node:net' */
/** @import { Instance as Connection } from './connection.js' */
/** @template {object} T @typedef {import('../base/roster.js').Instance<T>} Members */

const { channels } = require('../base/channels.js');
const { Roster } = require('../base/roster.js');
const { isOfTls } = require('./arrival.js');
const { Borrowed } = require('./borrowed.js');
const { Connection: Record, NOT_UNDER_WAY } = require('./connection.js');

/** @typedef {(...args: any[]) => any} Emit */
/** @typedef {InstanceType<typeof Borrowed>} Loan */
/**
 * Who decides what becomes of what connections bring. Each answers whether somebody was there for it, as `emit` does.
 *
 * @typedef {object} Desk
 * @property {(connection: Connection) => void} arrived
 * @property {(event: string, request: IncomingMessage, response: ServerResponse, connection?: Connection) => boolean} receive
 * @property {(event: string, request: IncomingMessage, connection: Connection, head: Buffer) => boolean} upgrade
 * @property {(session: import('node:http2').Http2Session) => void} follow
 * @property {(response: ServerResponse, connection?: Connection) => void} ended
 * @property {() => void} look something has ended
 */
/**
 * Who observes requests: moves connections for one, or counts.
 *
 * @typedef {object} Observer
 * @property {(time: number) => void} began a request has come, at this time of `performance.now()`
 * @property {(connection?: Connection, response?: ServerResponse, began?: number) => void} ended one was answered that had
 *   come at `began`, or a connection has ended; without the connection, but with the answer, one that ended with its
 *   connection or that came over HTTP/2
 * @property {(connection: Connection) => boolean} moves whether a connection is one of those that it moves
 * @property {(socket: Socket) => boolean} [isIdling] whether one has been moved, and waits for a request that is not late
 */

/** Where a socket has its record: the way there is gone twice for each request. */
const RECORD = Symbol('connection');
/** Where it has the loan whose server it came to. */
const LOAN = Symbol('loan');
/** Where an answer over HTTP/2 has the time when its request came. */
const BEGAN = Symbol('began');

/**
 * @param {IncomingMessage} request
 * @returns {Connection | undefined} nothing for a stream of HTTP/2, which has no connection to itself
 */
const connectionOf = (request) =>
  request.httpVersionMajor < 2 ? /** @type {any} */ (request.socket)[RECORD] : undefined;

/** @param {ServerResponse} response */
function tellEnd(response) {
  if (!channels.requestEnd.hasSubscribers) return;
  const { req: request, writableFinished: isAnswered } = response;
  channels.requestEnd.publish({ request, response, isAnswered });
}

/** @typedef {ConnectionTable} Instance */

class ConnectionTable {
  /** Those that requests come over. @type {Members<Connection>} */
  connections = new Roster();
  /** @type {Set<import('node:http2').Http2Session>} */
  sessions = new Set();
  /** How many connections of clients there are: one of TLS is one, and not two. */
  accepted = 0;
  /** How many requests are under way. */
  requests = 0;
  /** How many have come since the beginning. */
  served = 0;
  /** How many connections there ever were. */
  arrived = 0;
  /** The answers under way over HTTP/2. @type {Members<ServerResponse>} */
  #streams = new Roster();
  /** Every socket, also below TLS and HTTP/2. @type {Members<Socket>} */
  #sockets = new Roster();
  /** The servers of the present application, and of old ones with connections. @type {Map<HttpServer, Loan>} */
  #loans = new Map();
  /** @type {HttpServer | undefined} whose application answers */
  #present;
  /** @type {Socket | undefined} whose arrival is being told */
  #arriving;
  /** @type {Observer[]} */
  #observers = [];
  /** Tells the present application's server an event, which another may have read. @type {Emit} */
  tell = () => false;
  /** The same of a request. @type {(request: IncomingMessage, response: ServerResponse) => boolean} */
  tellRequest = () => false;
  #desk;
  /** One function for all responses, and one for all sockets: one made for each would cost more than all the rest. */
  #onEnd;
  #onClose;

  /** @param {Desk} desk */
  constructor(desk) {
    const table = this;
    this.#desk = desk;
    this.#onEnd = /** @this {ServerResponse} */ function () {
      table.#end(this);
    };
    this.#onClose = /** @this {Socket} */ function () {
      table.#forget(this);
    };
  }

  /** @param {Observer} observer */
  observe(observer) {
    this.#observers.push(observer);
  }

  /** @param {Connection} connection */
  moves(connection) {
    return this.#observers.some((observer) => observer.moves(connection));
  }

  /** @param {any} socket @returns {Connection | undefined} */
  recordOf(socket) {
    return socket[RECORD];
  }

  /** How many connections there are. */
  get size() {
    return this.#sockets.size;
  }

  /** All that are under way. @returns {ServerResponse[]} */
  get responses() {
    return [...this.#streams, ...[...this.connections].flatMap(({ responses }) => responses)];
  }

  /**
   * Takes a server's events over, and has its application answer from now on. Those of others are given back when their
   * last connection is closed.
   *
   * @param {HttpServer} server
   * @param {() => AddressInfo | string | null} [address] where it seems to listen, if it does not
   * @param {() => Promise<void> | undefined} [closing] told when its application closes it; resolves when it is empty
   */
  admit(server, address, closing = () => undefined) {
    this.#present = server;
    const present = this.#loans.get(server) ?? this.#takeOver(server);
    this.tell = present.emit;
    this.tellRequest = present.emitRequest;
    if (address) present.pretendToListen(address, closing);
    else present.heedClose(closing);
    for (const [each, loan] of this.#loans) {
      loan.readFor(each === server);
      this.#letGo(each);
    }
  }

  /** @param {HttpServer} server */
  #takeOver(server) {
    const loan = new Borrowed(server);
    this.#loans.set(server, loan);
    // Below TLS there is another socket, whose bytes say nothing about requests.
    const secure = isOfTls(server);
    /** @type {Record<string, Emit>} */
    const taken = {
      connection: (socket) => this.#arrive(loan, 'connection', socket, !secure),
      secureConnection: (socket) => this.#arrive(loan, 'secureConnection', socket, true),
      session: (session) => this.#follow(loan, session),
      clientError: (error, socket) => this.#fail(loan, error, socket),
    };
    for (const event of ['checkContinue', 'checkExpectation']) {
      taken[event] = (request, response) => this.#receive(event, request, response);
    }
    for (const event of ['upgrade', 'connect']) {
      taken[event] = (request, socket, head) => this.#upgrade(event, request, socket, head);
    }
    loan.divert(taken, (request, response) => this.#receive('request', request, response));
    return loan;
  }

  /**
   * @param {Loan} loan
   * @param {any} error
   * @param {Socket} socket
   */
  #fail(loan, error, socket) {
    if (this.#isSpared(error, socket)) return true;
    const connection = this.recordOf(socket);
    if (connection) connection.isBroken = true;
    return loan.emit('clientError', error, socket);
  }

  /**
   * Whether Node takes a connection for one whose request is late, and it is not: it would be answered 408, and closed.
   *
   * @param {any} error
   * @param {Socket} socket
   */
  #isSpared(error, socket) {
    return (
      error?.code === 'ERR_HTTP_REQUEST_TIMEOUT' &&
      this.#observers.some((observer) => observer.isIdling?.(socket))
    );
  }

  /**
   * A server whose application has been replaced is given back when its last connection is closed.
   *
   * @param {HttpServer} server
   */
  #letGo(server) {
    const loan = this.#loans.get(server);
    if (server === this.#present || loan?.sockets !== 0) return;
    this.#loans.delete(server);
    loan.giveBack();
  }

  /**
   * @param {Loan} loan
   * @param {string} event
   * @param {any} socket
   * @param {boolean} carriesRequests
   */
  #arrive(loan, event, socket, carriesRequests) {
    loan.sockets += 1;
    this.arrived += 1;
    if (event === 'connection') this.accepted += 1;
    this.#sockets.add(socket);
    socket[LOAN] = loan;
    socket.on('close', this.#onClose);
    const connection = carriesRequests ? this.#record(socket) : undefined;
    this.#arriving = socket;
    try {
      return loan.emit(event, socket);
    } finally {
      this.#arriving = undefined;
      // One of HTTP/2 has none by now.
      if (connection && this.connections.has(connection)) this.#desk.arrived(connection);
    }
  }

  /** @param {any} socket @returns {Connection} */
  #record(socket) {
    const connection = new Record(socket);
    socket[RECORD] = connection;
    this.connections.add(connection);
    return connection;
  }

  /**
   * @param {Loan} loan
   * @param {import('node:http2').Http2Session} session on the connection that has just arrived
   */
  #follow(loan, session) {
    const connection = this.#arriving && this.recordOf(this.#arriving);
    if (connection) this.connections.delete(connection);
    this.sessions.add(session);
    session.once('close', () => this.sessions.delete(session));
    this.#desk.follow(session);
    return loan.emit('session', session);
  }

  /**
   * @param {string} event
   * @param {IncomingMessage} request
   * @param {ServerResponse} response
   */
  #receive(event, request, response) {
    const connection = connectionOf(request);
    const time = this.#observers.length > 0 ? performance.now() : 0;
    if (connection) connection.begin(response, time);
    else this.#beginStream(response, time);
    this.requests += 1;
    this.served += 1;
    response.on('close', this.#onEnd);
    for (const observer of this.#observers) observer.began(time);
    if (channels.requestStart.hasSubscribers) channels.requestStart.publish({ request, response });
    return this.#desk.receive(event, request, response, connection);
  }

  /** @param {any} response @param {number} time */
  #beginStream(response, time) {
    response[BEGAN] = time;
    this.#streams.add(response);
  }

  /** @param {any} response @returns {number} as `end` of a connection */
  #endStream(response) {
    return this.#streams.delete(response) ? response[BEGAN] : NOT_UNDER_WAY;
  }

  /** @param {ServerResponse} response */
  #end(response) {
    const connection = connectionOf(response.req);
    const began = connection ? connection.end(response) : this.#endStream(response);
    // Where the connection has ended, so have its requests: all is told already.
    if (began === NOT_UNDER_WAY) return;
    this.requests -= 1;
    this.#desk.ended(response, connection);
    for (const observer of this.#observers) observer.ended(connection, response, began);
    tellEnd(response);
    this.#desk.look();
  }

  /**
   * @param {string} event
   * @param {IncomingMessage} request
   * @param {Socket} socket
   * @param {Buffer} head
   */
  #upgrade(event, request, socket, head) {
    return this.#desk.upgrade(event, request, this.recordOf(socket) ?? this.#record(socket), head);
  }

  /** @param {any} socket one that is closed */
  #forget(socket) {
    /** @type {Loan} */
    const loan = socket[LOAN];
    this.#sockets.delete(socket);
    loan.sockets -= 1;
    if (!socket.encrypted) this.accepted -= 1;
    this.#letGo(loan.server);
    const connection = this.recordOf(socket);
    if (connection) {
      socket[RECORD] = undefined;
      this.connections.delete(connection);
      // Requests that were sent one behind the other: of those whose turn never came, nobody else tells the end.
      const left = connection.endAll();
      this.requests -= left.length;
      for (const response of left) {
        this.#desk.ended(response);
        for (const observer of this.#observers) observer.ended(undefined, response);
        tellEnd(response);
      }
    }
    for (const observer of this.#observers) observer.ended();
    this.#desk.look();
  }

  /** Closes every connection that is left, whatever it is doing, and gives all servers back. */
  async closeAll() {
    const closed = [...this.#sockets].map((socket) => {
      const gone = new Promise((resolve) => socket.once('close', resolve));
      socket.destroy();
      return gone;
    });
    await Promise.all(closed);
    this.#present = undefined;
    for (const server of this.#loans.keys()) this.#letGo(server);
  }
}

module.exports = { ConnectionTable };
