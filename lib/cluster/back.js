/**
 * What receives connections in a worker: takes them from the queue that the primary fills, and brings each to the HTTP
 * server in the same turn of the event loop, as if that had accepted it.
 *
 * A connection that falls idle can be given back to the primary, which gives it to another worker: the client notices
 * nothing, and what it sends meanwhile waits in the kernel. Only a plain HTTP/1 connection of which nothing is read,
 * answered or on its way goes. If this process dies, what it had not taken goes to others, and so do its connections that
 * had lasted a while and were between two requests (`escrow.js`); if the primary dies, this process dies with it.
 */

/** @import { Instance as Connection } from '../http/connection.js' */
/** @import { Instance as ConnectionTable } from '../http/connection-table.js' */
/** @template {object} T @typedef {import('../base/roster.js').Instance<T>} Members */

const { Server: HttpServer } = require('node:http');
const { Socket } = require('node:net');
const { setTimeout: pause } = require('node:timers/promises');
const { getSystemErrorName } = require('node:util');
const { channels } = require('../base/channels.js');
const { Roster } = require('../base/roster.js');
const { createError } = require('../errors.js');
const { NativeHandoffWorker, constants } = require('../native/loader.js');
const { arrive, socketOptions } = require('../http/arrival.js');
const { Escrow, VISITOR } = require('./escrow.js');
const { goOnIdling, idleLeft, isIdling, stopIdling } = require('./idling.js');

const { row, taken } = constants();
/** Where the numbers stand that the primary reads: see `src/shm/rows.rs`. */
const { LEFT, IN_FLIGHT, SHED, AWAKE_SINCE, NUMBERS } = row;

/** What Node calls a handle of a connection, and not of a listening socket. */
const TCP_SOCKET = 0;

/** How many connections are taken before those that are there get their turn. */
const BATCH = 16;
/** What the addon answers where this process has no descriptor left. */
const { EXHAUSTED, TOLD } = taken;
/** How long a worker takes no connections then. */
const REST_MS = 20;
/** How often a worker that drains looks for connections that have fallen idle unnoticed. */
const LOOK_MS = 50;

/** @typedef {NativeBack} Instance */

/** @param {'in' | 'out'} direction @param {Socket} socket */
function tellMove(direction, socket) {
  if (!channels.move.hasSubscribers) return;
  const { remoteAddress, remotePort } = socket;
  channels.move.publish({ direction, remoteAddress, remotePort });
}

class NativeBack {
  #worker = new NativeHandoffWorker();
  /** @type {Float64Array} */
  #numbers = new Float64Array(NUMBERS);
  /** @type {any} */
  #server;
  #table;
  /** Those that came from the primary. @type {Members<Socket>} */
  #sockets = new Roster();
  /** One function for all: what is made for each is garbage of each. */
  #onClose;
  /** @type {InstanceType<typeof Escrow> | undefined} */
  #escrow;
  /**
   * Whether requests of HTTP/1 may come over the connections themselves: what is below TLS never goes elsewhere, and of a
   * protocol of one's own nobody knows where its messages end.
   */
  #isPlain = false;
  /** What Node has under a TCP socket. @type {any} */
  #Tcp;
  #draining = false;
  #allowHalfOpen;
  /** From the clock of `performance.now()` to the one that all processes share. */
  #offset = 0;

  /**
   * @param {ConnectionTable} table of the server that is to be attached
   * @param {object} [options]
   * @param {boolean} [options.allowHalfOpen] whether a client that has ended its side is still answered
   */
  constructor(table, { allowHalfOpen = true } = {}) {
    const back = this;
    this.#table = table;
    this.#allowHalfOpen = allowHalfOpen;
    this.#onClose = /** @this {Socket} */ function () {
      back.#forget(this);
    };
  }

  /**
   * Begins to receive connections for this server, which listens already, or seems to.
   *
   * @param {import('node:net').Server} server one of Node's
   * @param {number} rendezvous the inherited descriptor over which the primary lets this process have its queue
   * @param {boolean} [stays] whether it lets it have others as well
   */
  attach(server, rendezvous, stays = false) {
    this.#server = server;
    this.#isPlain = server instanceof HttpServer;
    const failure = this.#worker.join(rendezvous, () => this.#receive(), stays);
    if (failure !== 0) {
      throw createError('FLOTILLA_ERR_HANDOFF_UNREACHABLE', [getSystemErrorName(-failure)]);
    }
    this.#numbers = this.#worker.numbers() ?? this.#numbers;
    this.#offset = this.#worker.clock() - performance.now();
    this.#escrow = new Escrow(this.#worker, this.#table);
    this.#table.observe({
      began: (time) => this.#began(time),
      ended: (connection, response) => this.#ended(connection, response),
      moves: ({ socket }) => this.#isPlain && this.#sockets.has(socket),
      isIdling,
    });
  }

  #receive() {
    for (let count = 0; count < BATCH; count++) {
      const descriptor = this.#worker.take();
      if (descriptor === EXHAUSTED) return this.#rest();
      if (descriptor < 0) return;
      this.#accept(descriptor);
    }
  }

  /** What there is no descriptor for waits, or goes to another worker. */
  #rest() {
    this.#worker.listen(false);
    setTimeout(() => this.#worker.listen(true), REST_MS).unref();
  }

  /** @param {number} taken the number of its descriptor, and whether there is more to be known of it */
  #accept(taken) {
    const isTold = taken >= TOLD;
    const fd = isTold ? taken - TOLD : taken;
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
    this.#sockets.add(socket);
    socket.on('close', this.#onClose);
    arrive(this.#server, socket);
    if (isTold) this.#learn(socket);
    if (this.#isPlain) this.#escrow?.add(socket);
  }

  /** @param {any} socket one that has moved, or that belongs to a visitor */
  #learn(socket) {
    const [left, visitor] = this.#worker.told();
    if (left != null) {
      tellMove('in', socket);
      goOnIdling(socket, this.#server, left);
    }
    if (visitor > 0) socket[VISITOR] = visitor;
  }

  /** @param {number} fd */
  #socketOf(fd) {
    const options = socketOptions(this.#server);
    options.allowHalfOpen &&= this.#allowHalfOpen;
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

  /** @param {Socket} socket */
  #forget(socket) {
    if (!this.#sockets.delete(socket)) return;
    stopIdling(socket);
    this.#numbers[LEFT] += 1;
    this.#escrow?.delete(socket);
  }

  /** @param {number} time */
  #began(time) {
    const numbers = this.#numbers;
    numbers[IN_FLIGHT] = this.#table.requests;
    // Without this, a loop that is blocked by what comes now would look as if it still waited.
    if (numbers[AWAKE_SINCE] === 0) numbers[AWAKE_SINCE] = time + this.#offset;
  }

  /**
   * @param {Connection} [connection] whose request was answered
   * @param {import('node:http').ServerResponse} [response] that answered it
   */
  #ended(connection, response) {
    const numbers = this.#numbers;
    numbers[IN_FLIGHT] = this.#table.requests;
    if (!connection) return;
    if (response) this.#escrow?.answered(connection);
    if (numbers[SHED] >= 1) {
      if (this.#give(connection)) numbers[SHED] = Math.max(0, numbers[SHED] - 1);
    } else if (this.#draining) this.#give(connection);
  }

  /**
   * Gives a connection back to the primary, if it can go. From then on nothing is read from it here.
   *
   * @param {Connection} connection
   */
  #give(connection) {
    const socket = /** @type {any} */ (connection.socket);
    // What TLS carries did not come from the primary: that was the socket below.
    if (!this.#isPlain || !this.#sockets.has(socket) || !connection.isBetweenMessages) return false;
    const handle = socket._handle;
    handle.readStop();
    const left = idleLeft(socket, this.#server);
    const place = this.#escrow?.placeOf(socket) ?? -1;
    if (!this.#worker.give(handle.fd, place, left, socket[VISITOR] ?? 0)) {
      handle.readStart();
      return false;
    }
    tellMove('out', socket);
    // The primary knows by the packet that it holds it no more.
    this.#escrow?.release(socket);
    // The packet holds the connection: closing the descriptor here ends nothing.
    socket.destroy();
    this.#forget(socket);
    return true;
  }

  /**
   * Gives idle connections back to the primary, for other workers.
   *
   * @param {number} most how many
   */
  giveBack(most) {
    let given = 0;
    for (const connection of this.#table.connections) {
      if (given >= most) return given;
      if (this.#give(connection)) given += 1;
    }
    return given;
  }

  /**
   * Connections go to other workers as they fall idle; those that cannot are the reception's to end. Resolves when none
   * is left, or at the deadline.
   *
   * @param {{ deadline: number }} options `deadline` in milliseconds of `Date.now()`
   */
  async drain({ deadline }) {
    this.#draining = true;
    this.#receive();
    while (this.#sockets.size > 0 && Date.now() < deadline) {
      this.giveBack(Number.POSITIVE_INFINITY);
      await pause(LOOK_MS, undefined, { ref: false });
    }
  }

  /** Takes no connections any more, and cuts those that are left, whatever they carry. */
  close() {
    this.#escrow?.close();
    this.#worker.leave();
    for (const socket of this.#sockets) socket.destroy();
  }

  load() {
    const since = this.#numbers[AWAKE_SINCE];
    return {
      activeConnections: this.#sockets.size,
      inFlightRequests: this.#table.requests,
      eventLoopLagMs: since > 0 ? Math.max(0, performance.now() + this.#offset - since) : 0,
    };
  }
}

module.exports = { NativeBack };
