/**
 * What takes connections in the primary and gives them to workers.
 *
 * A connection is offered first, and given to the first worker that says it wants it: one whose event loop is
 * blocked does not answer, and delays nobody. The primary keeps its copy of the socket until the worker has said that
 * it took it; if the worker dies before that, the connection is offered to the others. Nothing is read from a
 * connection here, except where no worker takes it for a while: then a probe for readiness or liveness is answered,
 * and what was read of anything else goes on with the connection. If the primary dies, its workers end.
 */

/** @import { Socket } from 'node:net' */

/**
 * @typedef {object} Taker a worker that connections can be given to
 * @property {(message: object, socket?: Socket) => void} send
 */
/**
 * @typedef {object} Waiting a connection that no worker has taken yet
 * @property {number} id
 * @property {Socket} socket
 * @property {number} since
 * @property {Set<Taker>} offered
 * @property {Taker | undefined} given who it was sent to, and has not said that it took it
 * @property {number} lastOffer
 * @property {Buffer} early what had to be read to find a probe
 * @property {boolean} peeked
 */

const { Listener } = require('../listener.js');

const patienceMs = 10;
const probeAfterMs = 50;
const tickMs = 5;
const longestHead = 4096;

/**
 * Stops reading from a socket at once. What Node's stream has read of it before comes out.
 *
 * @param {Socket} socket
 * @returns {Buffer}
 */
function stopReading(socket) {
  socket.pause();
  // `pause` alone lets a socket that belongs to no parser read on until its buffer is full.
  const handle = /** @type {any} */ (socket)._handle;
  handle?.readStop?.();
  if (handle) handle.reading = false;
  return socket.readableLength > 0 ? socket.read() : Buffer.alloc(0);
}

/** @param {Socket} socket of which `stopReading` stopped the reading */
function startReading(socket) {
  const handle = /** @type {any} */ (socket)._handle;
  if (!handle) return;
  handle.reading = true;
  handle.readStart();
  socket.resume();
}

/** @typedef {Front} Instance */

class Front {
  /** @type {Taker[]} */
  #takers = [];
  /** @type {Map<number, Waiting>} */
  #waiting = new Map();
  #ids = 0;
  #turn = 0;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;
  #listener;

  /**
   * @param {(head: string) => string | undefined} answerProbe
   * @param {(error: Error) => void} onError
   */
  constructor(answerProbe, onError) {
    this.answerProbe = answerProbe;
    this.#listener = new Listener((socket) => this.accept(socket), onError, { pauseOnConnect: true });
  }

  /** @param {import('../listener.js').Address} address */
  async open(address) {
    await this.#listener.open(address);
  }

  address() {
    return this.#listener.address();
  }

  /** Stops listening, and closes what no worker has taken. */
  async close() {
    const closed = this.#listener.close();
    for (const waiting of this.#waiting.values()) this.#forget(waiting);
    await closed;
  }

  /** @param {Taker} taker */
  add(taker) {
    this.#takers.push(taker);
    for (const waiting of this.#waiting.values()) if (!waiting.given) this.#offerTo(waiting, taker);
  }

  /**
   * From now on it gets no offers. What it was given and did not take goes to others when it is `lost`.
   *
   * @param {Taker} taker
   */
  remove(taker) {
    this.#takers = this.#takers.filter((each) => each !== taker);
    for (const waiting of this.#waiting.values()) waiting.offered.delete(taker);
  }

  /** @param {Taker} taker a worker that has ended */
  lost(taker) {
    this.remove(taker);
    for (const waiting of this.#waiting.values()) {
      if (waiting.given !== taker) continue;
      waiting.given = undefined;
      this.#offer(waiting);
    }
  }

  /** @param {Socket} socket that nobody reads from */
  accept(socket) {
    const now = performance.now();
    const id = ++this.#ids;
    const offered = new Set();
    const early = stopReading(socket);
    /** @type {Waiting} */
    const waiting = {
      id,
      socket,
      since: now,
      offered,
      given: undefined,
      lastOffer: now,
      early,
      peeked: false,
    };
    this.#waiting.set(id, waiting);
    // A client that goes while it waits, and a probe whose client is gone, are no reason to fail.
    socket.on('error', () => {});
    socket.once('close', () => this.#waiting.delete(id));
    this.#offer(waiting);
    this.#timer ??= setInterval(() => this.#tick(), tickMs);
  }

  /** @param {Waiting} waiting */
  #offer(waiting) {
    const fresh = this.#takers.filter((taker) => !waiting.offered.has(taker));
    if (fresh.length === 0) return;
    this.#offerTo(waiting, fresh[this.#turn++ % fresh.length]);
  }

  /**
   * @param {Waiting} waiting
   * @param {Taker} taker
   */
  #offerTo(waiting, taker) {
    waiting.offered.add(taker);
    waiting.lastOffer = performance.now();
    taker.send({ flotilla: 'offer', id: waiting.id });
  }

  #tick() {
    if (this.#waiting.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    const now = performance.now();
    for (const waiting of this.#waiting.values()) {
      if (waiting.given) continue;
      if (now - waiting.lastOffer >= patienceMs) this.#offer(waiting);
      if (now - waiting.since >= probeAfterMs) this.#peek(waiting);
    }
  }

  /**
   * A worker wants what it was offered. Others may want it too, and come too late.
   *
   * @param {Taker} taker
   * @param {unknown} id
   */
  wanted(taker, id) {
    const waiting = this.#waiting.get(/** @type {number} */ (id));
    if (!waiting || waiting.given || !waiting.offered.has(taker)) return;
    waiting.given = taker;
    waiting.socket.removeAllListeners('data');
    waiting.early = Buffer.concat([waiting.early, stopReading(waiting.socket)]);
    // Node would have the server count it among those of another process, and ask there at its close.
    Object.assign(waiting.socket, { server: undefined });
    taker.send({ flotilla: 'connection', id, early: waiting.early.toString('base64') }, waiting.socket);
  }

  /**
   * @param {Taker} taker
   * @param {unknown} id
   */
  took(taker, id) {
    const waiting = this.#waiting.get(/** @type {number} */ (id));
    if (waiting?.given === taker) this.#forget(waiting);
  }

  /**
   * Closes this process's copy of the socket. Where a worker has one, the client does not notice.
   *
   * @param {Waiting} waiting
   */
  #forget(waiting) {
    this.#waiting.delete(waiting.id);
    waiting.socket.destroy();
  }

  /** @param {Waiting} waiting */
  #peek(waiting) {
    if (waiting.peeked) return;
    waiting.peeked = true;
    const { socket } = waiting;
    const read = (/** @type {Buffer} */ chunk) => {
      waiting.early = Buffer.concat([waiting.early, chunk]);
      const answer = waiting.given ? undefined : this.answerProbe(waiting.early.toString('latin1'));
      if (answer !== undefined) {
        this.#waiting.delete(waiting.id);
        socket.end(answer, () => socket.destroy());
      } else if (waiting.early.includes('\r\n\r\n') || waiting.early.length > longestHead) {
        socket.off('data', read);
        waiting.early = Buffer.concat([waiting.early, stopReading(socket)]);
      }
    };
    socket.on('data', read);
    startReading(socket);
  }
}

module.exports = { Front };
