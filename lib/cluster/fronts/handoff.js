/**
 * What takes connections in the primary and gives them to workers: a thread of Rust, which puts each connection into
 * the queue of a worker, and takes back what a worker does not take in time.
 *
 * Here it is told which workers there are. If the primary dies, connections that workers have taken stay theirs; if
 * its loop is blocked, the thread goes on. If a worker dies, what it had not taken goes to the others.
 */

/** @import { FrontOptions, Seat } from '../front.js' */

const { randomBytes } = require('node:crypto');
const { setTimeout: pause } = require('node:timers/promises');
const { NativeHandoff } = require('../../native/loader.js');
const { leastLoadedLoadBalancer } = require('../strategies.js');
const { ProxyFront } = require('./proxy.js');

/** How soon it is looked again whether the thread has done what it was told. */
const LOOK_MS = 1;
/** For how long a worker that is to be drained is waited for. */
const DRAIN_MS = 1000;

class NativeFront extends ProxyFront {
  #thread;
  /** No other process of the machine has a door of this name, and none can guess it. */
  #door = `flotilla-${process.pid}-${randomBytes(9).toString('base64url')}`;

  /**
   * @param {FrontOptions} options
   * @param {import('../../native/addon').NativeHandoff} thread
   */
  constructor(options, thread = new NativeHandoff()) {
    super(options, thread);
    this.#thread = thread;
  }

  /** @override */
  get ownOptions() {
    const { rebalance, loadBalancer } = this.config;
    return { door: this.#door, rebalance: rebalance ?? loadBalancer === leastLoadedLoadBalancer };
  }

  /** What a worker's process has to know. @override @returns {Record<string, string>} */
  prepare() {
    return { FLOTILLA_DOOR: this.#door };
  }

  /** @override @param {Seat} seat @param {number} pid */
  forked(seat, pid) {
    this.#thread.seated(seat.seat, pid);
  }

  /**
   * No connection goes to this worker any more. Resolves when it has taken what it was given, or that went to others.
   *
   * @override
   * @param {Seat} seat
   */
  async drain(seat) {
    this.withdraw(seat);
    // A worker that is blocked takes nothing, and is not waited for: what it has not taken goes to others at its end.
    const until = performance.now() + DRAIN_MS;
    while (this.#thread.serves(seat.seat) && performance.now() < until) await pause(LOOK_MS);
  }

  /** The worker's process has ended. @override @param {Seat} seat */
  gone(seat) {
    this.withdraw(seat);
    this.#thread.gone(seat.seat);
  }

  /** Ends the thread. Connections that no worker has taken are closed. */
  stop() {
    this.#thread.stop();
  }

  /** @override @param {Seat} seat */
  load(seat) {
    const [connections, , inFlightRequests, eventLoopLagMs] = this.#thread.load(seat.seat);
    return { connections, inFlightRequests, eventLoopLagMs };
  }

  /** What has happened to connections since the beginning, and how many are held beside their worker now. */
  counts() {
    const [accepted, failed, takenBack, moved, adopted, held] = this.#thread.counts();
    return { accepted, failed, takenBack, moved, adopted, held };
  }
}

module.exports = { NativeFront };
