/**
 * The connections of this worker that the primary holds as well, so that they outlive this process.
 *
 * A connection that has lasted a while is sent to the primary once. From then on, whenever it falls between two
 * messages, it is written down in shared memory how much of it has been read. If this process is killed, the primary
 * compares that with what the kernel says, and gives to another worker what agrees; the rest ends. Short connections
 * have no part in it. What closes here is only closed for its client when the primary has closed it too, so each end is
 * told at once, and what could not be told is told again.
 */

/** @import { Socket } from 'node:net' */
/** @import { Instance as Connection } from '../http/connection.js' */
/** @import { Instance as ConnectionTable } from '../http/connection-table.js' */
/** @template {object} T @typedef {import('../base/roster.js').Instance<T>} Members */

const { Roster } = require('../base/roster.js');
const { constants } = require('../native/loader.js');

/** A connection is sent when it has lasted for one to two times as long. */
const LOOK_MS = 100;
/** How soon it is gone on where the primary has not come to all that it was told. */
const RETRY_MS = 10;
/** How many connections are sent in one turn. */
const BATCH = 128;

const { LATER, UNKNOWN } = constants().held;
const BUSY = 0;
const DONE = 1;

/** Where a socket has the number of the visitor that it belongs to, if that matters. */
const VISITOR = Symbol('visitor');
/** Where a socket has what is known of it since it is held. */
const HELD = Symbol('held');
/** Where one that is not held has its place among those. */
const PLACE = Symbol('place');

/**
 * @typedef {object} Held
 * @property {number} place
 * @property {number} base how many bytes other workers had read of it
 */

class Escrow {
  #worker;
  #table;
  #marks;
  /** Places that were used and are free again. @type {number[]} */
  #free = [];
  #used = 0;
  /** Those that came since the last look, and those that came before it. @type {Members<Socket>} */
  #young = new Roster(PLACE);
  /** @type {Members<Socket>} */
  #grown = new Roster(PLACE);
  /** Places of which the primary has not been told that they are free. @type {number[]} */
  #owed = [];
  /** @type {NodeJS.Timeout | undefined} */
  #timer;

  /**
   * @param {import('../native/addon').NativeHandoffWorker} worker
   * @param {ConnectionTable} table
   */
  constructor(worker, table) {
    this.#worker = worker;
    this.#table = table;
    this.#marks = worker.marks() ?? new Float64Array();
  }

  /** @param {Socket} socket a connection that has come */
  add(socket) {
    this.#young.add(socket);
    this.#lookIn(LOOK_MS);
  }

  /** @param {Socket} socket one that has ended */
  delete(socket) {
    if (this.#young.delete(socket) || this.#grown.delete(socket)) return;
    const held = this.#forget(socket);
    if (!held) return;
    this.#owed.push(held.place);
    this.#pay();
  }

  /** @param {any} socket @returns {number} where it is held; -1 if it is not */
  placeOf(socket) {
    return socket[HELD]?.place ?? -1;
  }

  /** It has gone to another worker, and the primary knows. @param {Socket} socket */
  release(socket) {
    const held = this.#forget(socket);
    if (held) this.#free.push(held.place);
  }

  /** @param {any} socket @returns {Held | undefined} */
  #forget(socket) {
    const held = socket[HELD];
    if (!held) return undefined;
    socket[HELD] = undefined;
    this.#marks[held.place] = UNKNOWN;
    return held;
  }

  /**
   * A request was answered.
   *
   * @param {Connection} connection
   */
  answered(connection) {
    const { socket } = connection;
    /** @type {Held | undefined} */
    const held = /** @type {any} */ (socket)[HELD];
    // Where more is here, what stands there from before is no lie: more has been read since, and the primary sees that.
    if (held && connection.isBetweenMessages) this.#marks[held.place] = held.base + socket.bytesRead;
  }

  /** Begins anew in a while; not twice. @param {number} milliseconds */
  #lookIn(milliseconds) {
    this.#timer ??= setTimeout(() => this.#look(), milliseconds).unref();
  }

  #look() {
    this.#timer = undefined;
    this.#pay();
    const isDone = this.#grown.size === 0 || this.#send();
    if (isDone && this.#grown.size === 0) {
      [this.#grown, this.#young] = [this.#young, this.#grown];
    }
    if (this.#grown.size + this.#young.size > 0) this.#lookIn(isDone ? LOOK_MS : RETRY_MS);
  }

  /** Tells the primary what has ended. */
  #pay() {
    for (let place = this.#owed.pop(); place !== undefined; place = this.#owed.pop()) {
      if (!this.#worker.letGo(place)) {
        this.#owed.push(place);
        return this.#lookIn(RETRY_MS);
      }
      this.#free.push(place);
    }
  }

  /** Has the primary hold those that have lasted long enough. Says whether it came to all of them. */
  #send() {
    let left = BATCH;
    for (const socket of this.#grown) {
      if (left === 0) return false;
      left -= 1;
      const outcome = this.#hold(socket);
      if (outcome === LATER) return false;
      this.#grown.delete(socket);
      if (outcome === BUSY) this.#young.add(socket);
    }
    return true;
  }

  /**
   * @param {any} socket
   * @returns {number} `LATER` if the primary has no time, `BUSY` if the connection has none, else it is done with
   */
  #hold(socket) {
    const connection = this.#table.recordOf(socket);
    if (!connection || !socket.parser || socket.destroyed) return DONE;
    if (!connection.isBetweenMessages) return BUSY;
    const place = this.#free.pop() ?? (this.#used < this.#marks.length ? this.#used++ : -1);
    if (place < 0) return DONE;
    const base = this.#worker.hold(socket._handle.fd, place, socket.bytesRead, socket[VISITOR] ?? 0);
    if (base < 0) {
      this.#free.push(place);
      return base === LATER ? LATER : DONE;
    }
    /** @type {Held} */
    const held = { place, base };
    socket[HELD] = held;
    this.#marks[place] = base + socket.bytesRead;
    return DONE;
  }

  close() {
    clearTimeout(this.#timer);
  }
}

module.exports = { Escrow, VISITOR };
