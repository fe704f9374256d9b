/**
 * What receives connections in a worker: takes them from the queue that the primary fills, and brings each to the HTTP
 * server in the same turn of the event loop, as if that had accepted it.
 *
 * A connection that falls idle can be given back to the primary, which gives it to another worker: the client notices
 * nothing, and what it sends meanwhile waits in the kernel. Only a plain HTTP/1 connection of which nothing is read,
 * answered or on its way goes. If this process dies, its connections end with it, and what it had not taken goes to
 * others; if the primary dies, Node ends this process.
 */

/** @import { IncomingMessage, Server, ServerResponse } from 'node:http' */

const { Socket } = require('node:net');
const { setTimeout: pause } = require('node:timers/promises');
const { Server: TlsServer } = require('node:tls');
const { getSystemErrorName } = require('node:util');
const { createError } = require('../../errors.js');
const { NativeHandoffWorker } = require('../../native/loader.js');

/** Where the numbers stand that the primary reads: see `src/shm/rows.rs`. */
const LEFT = 0;
const IN_FLIGHT = 1;
const SHED = 2;
const AWAKE_SINCE = 3;

/** What Node calls a handle of a connection, and not of a listening socket. */
const TCP_SOCKET = 0;

/** How many connections are taken before those that are there get their turn. */
const BATCH = 16;
/** How long a connection that cannot be moved may stay idle in a worker that drains, and how often it is looked. */
const LINGER_MS = 1000;
const LOOK_MS = 50;

/** Where a socket has its connection: the way there is gone twice for each request. */
const CONNECTION = Symbol('connection');

/** What is under way on one connection. */
class Connection {
  requests = 0;
  upgraded = false;

  /** @param {any} socket */
  constructor(socket) {
    this.socket = socket;
  }

  /** Whether nothing of it is in this process: no request or a part of one, and no part of an answer. */
  get isIdle() {
    const { socket } = this;
    if (this.requests > 0 || this.upgraded || socket.destroyed || !socket._handle) return false;
    if (socket.readableLength + socket.writableLength + socket._handle.writeQueueSize > 0) return false;
    // The parser counts the time since a message has begun: none means that it stands between two.
    return socket.bytesRead === 0 || socket.parser?.duration() === 0;
  }
}

/** @typedef {NativeBack} Instance */

/**
 * @param {any} socket
 * @returns {Connection | undefined} none for what has no socket of its own: a stream of HTTP/2, or what TLS carries
 */
const connectionOf = (socket) => socket?.[CONNECTION];

class NativeBack {
  #worker = new NativeHandoffWorker();
  /** @type {Float64Array} */
  #numbers = new Float64Array(4);
  /** @type {any} */
  #server;
  /** @type {Set<Connection>} */
  #connections = new Set();
  /** @type {Set<import('node:http2').Http2Session>} */
  #sessions = new Set();
  /** What Node has under a TCP socket. @type {any} */
  #Tcp;
  /** Whether connections of the server can go to other processes. */
  canMove = false;
  #draining = false;
  #allowHalfOpen;
  /** From the clock of `performance.now()` to the one that all processes share. */
  #offset = 0;

  /** @param {{ allowHalfOpen?: boolean }} [options] whether a client that has ended its side is still answered */
  constructor({ allowHalfOpen = true } = {}) {
    this.#allowHalfOpen = allowHalfOpen;
  }

  /**
   * Begins to receive connections for this server, which listens already: one that does not keeps no books.
   *
   * @param {Server | import('node:https').Server | import('node:http2').Http2SecureServer} server
   * @param {string | undefined} door
   */
  attach(server, door = process.env.FLOTILLA_DOOR) {
    this.#server = server;
    this.canMove = !(server instanceof TlsServer);
    this.#listenIn();
    const failure = this.#worker.join(door ?? '', () => this.#receive());
    if (failure !== 0) {
      throw createError('FLOTILLA_ERR_HANDOFF_UNREACHABLE', [getSystemErrorName(-failure)]);
    }
    this.#numbers = this.#worker.numbers() ?? this.#numbers;
    this.#offset = this.#worker.clock() - performance.now();
  }

  #receive() {
    for (let count = 0; count < BATCH; count++) {
      const descriptor = this.#worker.take();
      if (descriptor < 0) return;
      this.#accept(descriptor);
    }
  }

  /** @param {number} fd */
  #accept(fd) {
    const server = this.#server;
    /** @type {any} */
    let socket;
    try {
      socket = this.#socketOf(fd);
    } catch {
      // The client had gone before anything could be asked of its socket.
      this.#worker.discard(fd);
      this.#numbers[LEFT] += 1;
      return;
    }
    const connection = new Connection(socket);
    socket[CONNECTION] = connection;
    this.#connections.add(connection);
    socket.once('close', () => this.#forget(connection));
    if (server.maxConnections != null && server._connections >= server.maxConnections) {
      const { localAddress, localPort, remoteAddress, remotePort, remoteFamily } = socket;
      socket.destroy();
      server.emit('drop', { localAddress, localPort, remoteAddress, remotePort, remoteFamily });
      return;
    }
    if (server.keepAlive) socket.setKeepAlive(true, server.keepAliveInitialDelay);
    // As Node does for a connection that it has accepted itself: so `getConnections` and `close` tell the truth.
    server._connections += 1;
    socket.server = server;
    socket._server = server;
    server.emit('connection', socket);
  }

  /** @param {number} fd */
  #socketOf(fd) {
    const options = {
      allowHalfOpen: this.#allowHalfOpen && this.#server.allowHalfOpen,
      readable: true,
      writable: true,
    };
    if (!this.#Tcp) {
      /** @type {any} */
      const socket = new Socket({ fd, ...options });
      // All come from one listening socket, so they are of one kind: Node need not find out each time.
      if (socket._handle.constructor.name === 'TCP') this.#Tcp = socket._handle.constructor;
      return socket;
    }
    const handle = new this.#Tcp(TCP_SOCKET);
    if (handle.open(fd) !== 0)
      throw createError('FLOTILLA_ERR_INTERNAL', ['A connection could not be opened']);
    return new Socket(/** @type {any} */ ({ handle, ...options }));
  }

  /** @param {Connection} connection */
  #forget(connection) {
    if (this.#connections.delete(connection)) this.#numbers[LEFT] += 1;
  }

  /** Hears of every request before the application does, whoever listens to which event. */
  #listenIn() {
    const back = this;
    const server = this.#server;
    const emit = server.emit;
    // One function for all requests: a listener made for each of them would cost more than all the rest.
    const ended = /** @this {ServerResponse} */ function () {
      back.#end(this.req.socket);
    };
    server.emit = /** @this {unknown} */ function (
      /** @type {string} */ event,
      /** @type {any} */ first,
      /** @type {any} */ second,
    ) {
      switch (event) {
        case 'request':
        case 'checkContinue':
        case 'checkExpectation':
          back.#begin(first, second);
          second.on('close', ended);
          break;
        case 'upgrade':
        case 'connect':
          back.#upgrade(second);
          break;
        case 'session':
          back.#follow(first);
      }
      // biome-ignore lint/complexity/noArguments: to pass on exactly what there was, for the price of a call
      return Reflect.apply(emit, this, arguments);
    };
  }

  /**
   * @param {IncomingMessage} request
   * @param {ServerResponse} response
   */
  #begin(request, response) {
    const numbers = this.#numbers;
    numbers[IN_FLIGHT] += 1;
    // Without this, a loop that is blocked by what comes now would look as if it still waited.
    if (numbers[AWAKE_SINCE] === 0) numbers[AWAKE_SINCE] = performance.now() + this.#offset;
    const connection = connectionOf(request.socket);
    if (connection) connection.requests += 1;
    else if (this.#draining && request.httpVersionMajor < 2) response.setHeader('Connection', 'close');
  }

  /** @param {unknown} socket */
  #end(socket) {
    this.#numbers[IN_FLIGHT] -= 1;
    const connection = connectionOf(socket);
    if (!connection) return;
    connection.requests -= 1;
    if (this.#numbers[SHED] >= 1) this.#shed(connection);
    else if (this.#draining) this.#give(connection);
  }

  /** @param {unknown} socket */
  #upgrade(socket) {
    const connection = connectionOf(socket);
    if (connection) connection.upgraded = true;
  }

  /** @param {import('node:http2').Http2Session} session */
  #follow(session) {
    this.#sessions.add(session);
    session.once('close', () => this.#sessions.delete(session));
    if (this.#draining) session.close();
  }

  /** @param {Connection} connection */
  #shed(connection) {
    if (this.#give(connection)) this.#numbers[SHED] = Math.max(0, this.#numbers[SHED] - 1);
  }

  /**
   * Gives a connection back to the primary, if it can go. From then on nothing is read from it here.
   *
   * @param {Connection} connection
   */
  #give(connection) {
    if (!this.canMove || !connection.isIdle) return false;
    const { socket } = connection;
    const handle = socket._handle;
    handle.readStop();
    if (!this.#worker.give(handle.fd)) {
      handle.readStart();
      return false;
    }
    // The packet holds the connection: closing the descriptor here ends nothing.
    socket.destroy();
    this.#forget(connection);
    return true;
  }

  /**
   * Gives idle connections back to the primary, for other workers.
   *
   * @param {number} most how many
   */
  giveBack(most) {
    let given = 0;
    for (const connection of this.#connections) {
      if (given >= most) return given;
      if (this.#give(connection)) given += 1;
    }
    return given;
  }

  /**
   * Connections leave as they fall idle: they go to other workers, or, where they cannot, end with their next answer
   * or when they have stayed idle for a while. Resolves when none is left, or at the deadline.
   *
   * @param {{ deadline: number }} options `deadline` in milliseconds of `Date.now()`
   */
  async drain({ deadline }) {
    this.#draining = true;
    this.#receive();
    const lingersUntil = Date.now() + LINGER_MS;
    for (const session of this.#sessions) session.close();
    while (this.#connections.size > 0 && Date.now() < deadline) {
      this.giveBack(this.#connections.size);
      if (Date.now() >= lingersUntil) this.#server.closeIdleConnections?.();
      await pause(LOOK_MS, undefined, { ref: false });
    }
  }

  /** Takes no connections any more, and cuts those that are left, whatever they carry. */
  close() {
    this.#worker.leave();
    for (const { socket } of this.#connections) socket.destroy();
  }

  load() {
    const since = this.#numbers[AWAKE_SINCE];
    return {
      activeConnections: this.#connections.size,
      inFlightRequests: this.#numbers[IN_FLIGHT],
      eventLoopLagMs: since > 0 ? Math.max(0, performance.now() + this.#offset - since) : 0,
    };
  }
}

module.exports = { NativeBack };
