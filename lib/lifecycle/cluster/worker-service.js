/**
 * A clustered server, seen from one of its workers: a server in one process, whose connections come from the primary
 * and whose end the primary decides.
 *
 * When it leaves so that another generation takes its place, it gives its idle connections back to the primary, one
 * at a time: while one is on its way the others are served on, and each is looked at again when its turn has come. If
 * the primary dies, Node ends this process.
 */

/** @import { Socket } from 'node:net' */
/** @import { AnyContext } from '../context.js' */
/** @import { Seat } from './seat.js' */

const { createError } = require('../../errors.js');
const { Service } = require('../service.js');
const within = require('../within.js');
const { Inbox } = require('./inbox.js');

/** @param {object} message */
function say(message) {
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
}

/**
 * @param {string} kind
 * @param {any} error
 */
function sayError(kind, error) {
  say({ flotilla: kind, code: error?.code, text: error instanceof Error ? error.message : String(error) });
}

class WorkerService extends Service {
  #seat;
  /** Whether the primary has said that the end is near. */
  #announced = false;
  /** @type {Set<Socket>} connections that wait for their turn to be given back */
  #giving = new Set();
  #onItsWay = false;
  /** @type {Map<number, (report: any) => void>} */
  #questions = new Map();
  #ids = 0;

  /**
   * @param {import('../options.js').Options} options
   * @param {string | undefined} name
   * @param {Seat} seat
   */
  constructor(options, name, seat) {
    // The primary waits before it lets its workers end, and has the endpoints' own port.
    super({ ...options, shutdownDelayMs: 0 }, name);
    this.#seat = seat;
  }

  /** @override */
  get wantsRequests() {
    return super.wantsRequests && !this.#announced;
  }

  /** @override */
  getPort() {
    const { address } = this.#seat;
    return typeof address === 'string' ? this.options.port : address.port;
  }

  /** @override @param {(socket: Socket) => void} accept */
  entrance(accept) {
    return new Inbox(accept, this.#seat.address);
  }

  /** @override */
  async healthPort() {
    return undefined;
  }

  /** @override @returns {Promise<import('../../../index.js').HealthReport>} that of all workers */
  async report() {
    const id = ++this.#ids;
    const answer = /** @type {Promise<any>} */ (
      new Promise((resolve) => {
        this.#questions.set(id, resolve);
      })
    );
    say({ flotilla: 'how is all', id });
    // The primary waits for those that do not answer; this is for a primary that does not.
    const report = await within(2 * this.options.healthCheckTimeoutMs + 1000, answer, () => undefined);
    this.#questions.delete(id);
    return report ?? { ...(await super.report()), status: 'unhealthy' };
  }

  /** @override @param {AnyContext} context */
  async start(context) {
    process.on('message', this.#heed);
    try {
      await super.start(context);
    } catch (error) {
      sayError('failed', error);
      throw error;
    }
    say({ flotilla: 'ready' });
  }

  /** @override @param {any[]} args */
  tell(/** @type {any} */ name, ...args) {
    if (name === 'error' && this.events.listenerCount('error') === 0) sayError('error', args[0]);
    else super.tell(name, ...args);
  }

  /** @override @returns {Promise<void>} */
  async prepare() {
    throw createError('FLOTILLA_ERR_PRIMARY_ONLY', ['restart()']);
  }

  #heed = (/** @type {any} */ message) => {
    switch (message?.flotilla) {
      case 'announce':
        this.#announced = true;
        return;
      case 'drain':
        return void this.#drain();
      case 'leave':
        return void this.#leave(message.move === true);
      case 'next':
        this.#onItsWay = false;
        return this.#giveNext();
      case 'how are you':
        return void this.#tellHealth(message.id);
      case 'all are':
        return this.#questions.get(message.id)?.(message.report);
    }
  };

  async #drain() {
    this.drain();
    await this.drained();
    say({ flotilla: 'drained' });
  }

  /** @param {unknown} id */
  async #tellHealth(id) {
    say({ flotilla: 'health', id, report: await super.report() });
  }

  /** @param {boolean} move */
  async #leave(move) {
    let answered = false;
    try {
      answered = await this.stop(move ? (socket) => this.#give(socket) : undefined);
    } catch (error) {
      sayError('error', error);
    }
    // It ends when the primary has heard why, or is not there to hear it.
    const end = () => process.exit(answered ? 0 : 1);
    if (!process.connected) end();
    process.send?.({ flotilla: 'left', answered }, undefined, undefined, end);
  }

  /** @param {Socket} socket */
  #give(socket) {
    this.#giving.add(socket);
    this.#giveNext();
  }

  #giveNext() {
    if (this.#onItsWay || !process.connected) return;
    for (const socket of this.#giving) {
      this.#giving.delete(socket);
      if (!this.isMovable(socket)) continue;
      this.#onItsWay = true;
      this.#send(socket);
      return;
    }
  }

  /**
   * Sends a connection to the primary. From here on nothing is read from it: what the client sends waits in the
   * system until another worker reads it.
   *
   * @param {Socket} socket
   */
  #send(socket) {
    const handle = /** @type {any} */ (socket)._handle;
    handle.readStop();
    handle.reading = false;
    // Node would count it among those of a server that listens here.
    Object.assign(socket, { server: undefined });
    process.send?.({ flotilla: 'moved' }, socket, {}, () => {});
    this.forget(socket);
  }
}

module.exports = { WorkerService };
