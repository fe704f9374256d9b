/** One worker process of a pool, from its fork to its end: where it sits, what it said, how it ended. */

/** @import { Worker } from 'node:cluster' */
/** @import { BackendCandidate, WorkerRuntimeStats } from '../../index.js' */
/** @import { Seat } from './front.js' */

/** @typedef {Post} Instance */

class Post {
  /** @type {'starting' | 'raised' | 'ready' | 'leaving' | 'ended'} raised: ready, and not yet given connections */
  state = 'starting';
  /** Whether connections have gone to it. */
  served = false;
  /** How long it had had to leave, where it had to be killed. @type {number | undefined} */
  overdueMs;
  /** Whether it has said how it left. */
  left = false;
  answered = true;
  /** Whether it was told to end with something under way that it knows nothing of. */
  cut = false;
  stale = false;
  /** What its end means to those who count on it. @type {Error | undefined} */
  failure;
  /** Since when it has been raised. */
  readyAt = Number.POSITIVE_INFINITY;
  /** @type {number | undefined} */
  lastHeartbeatAt;
  /** @type {WorkerRuntimeStats | undefined} */
  stats;

  /**
   * @param {Seat} seat
   * @param {Worker} worker
   * @param {number} generation
   */
  constructor(seat, worker, generation) {
    this.seat = seat;
    this.worker = worker;
    this.generation = generation;
    this.raised = new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
    });
    this.raised.catch(() => {});
    this.heard = new Promise((resolve) => {
      /** It has begun to leave. */
      this.hears = resolve;
    });
    this.ended = new Promise((resolve) => worker.once('exit', resolve));
  }

  get pid() {
    return this.worker.process.pid;
  }

  /** @param {object} message */
  send(message) {
    // Where it cannot be sent, the worker is ending, and its exit tells the rest.
    if (this.worker.isConnected()) this.worker.send(message, () => {});
  }

  /**
   * What a strategy sees of it.
   *
   * @param {{ connections: number, inFlightRequests?: number, eventLoopLagMs?: number }} load
   * @returns {BackendCandidate}
   */
  candidate({ connections, ...live }) {
    const { seat, pid, stale, stats, lastHeartbeatAt } = this;
    return {
      id: seat.id,
      workerIndex: seat.workerIndex,
      host: seat.host,
      port: seat.port,
      pid,
      healthy: !stale,
      ready: true,
      lastHeartbeatAt,
      activeProxyConnections: connections,
      ...(stats === undefined ? undefined : { stats: { ...stats, ...live } }),
    };
  }

  /** How it is shown. */
  member() {
    const { seat, pid, state, generation } = this;
    return { id: seat.id, seat: seat.seat, pid, state, generation };
  }

  kill() {
    this.worker.process.kill('SIGKILL');
  }
}

module.exports = { Post };
