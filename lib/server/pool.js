/**
 * The worker processes: started, replaced, and ended. It knows nothing of applications.
 *
 * A worker that ends without having been told to is replaced, ever more slowly if the new ones end young. A restart
 * raises a whole set of workers beside the old one; only when all of it is ready do connections go there, so new code
 * that fails is noticed by nobody but the caller. If the primary dies, Node ends the workers.
 */

/** @import { Worker } from 'node:cluster' */
/** @import { BackendCandidate, ResolvedServerConfig, WorkerRuntimeStats } from '../../index.js' */
/** @import { Front, Seat } from './front.js' */

const cluster = /** @type {import('node:cluster').Cluster} */ (
  /** @type {unknown} */ (require('node:cluster'))
);
const { createError } = require('../errors.js');
const { Turns } = require('../lifecycle/turns.js');
const within = require('../lifecycle/within.js');
const { readError, readPort, readStats } = require('./messages.js');

/**
 * @typedef {object} Events what the pool tells of
 * @property {(error: Error) => void} failed a worker that ended unasked, or did not get ready
 * @property {(id: string, stats: WorkerRuntimeStats) => void} heard
 * @property {() => void} changed which workers connections may go to
 */
/**
 * @typedef {object} PoolOptions
 * @property {ResolvedServerConfig} config
 * @property {Front} front
 * @property {(seat: Seat) => Record<string, string>} workerEnv
 * @property {Events} events
 */

const readyMs = 30_000;
/** How much longer than its own deadline a worker may take to end, before it is killed. */
const killAfterMs = 1000;
/** In a restart a connection may be idle this long before it is closed: its next request may be on the way. */
const idleMs = 1000;
const youngMs = 5000;
const slowestRespawnMs = 5000;

/** One worker process. */
class Post {
  /** @type {'starting' | 'raised' | 'ready' | 'leaving' | 'ended'} raised: ready, and not yet given connections */
  state = 'starting';
  answered = true;
  stale = false;
  born = performance.now();
  /** @type {number | undefined} */
  lastHeartbeatAt;
  /** @type {WorkerRuntimeStats | undefined} */
  stats;

  /**
   * @param {Seat} seat
   * @param {Worker} worker
   */
  constructor(seat, worker) {
    this.seat = seat;
    this.worker = worker;
    this.raised = new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
    });
    this.raised.catch(() => {});
    this.ended = new Promise((resolve) => worker.once('exit', resolve));
  }

  get pid() {
    return this.worker.process.pid;
  }

  kill() {
    this.worker.process.kill('SIGKILL');
  }
}

class Pool {
  /** @type {Set<Post>} */
  #posts = new Set();
  #turns = new Turns();
  #wanted = 0;
  /** Whether one was ready since the start: until then nobody is replaced. */
  #served = false;
  #respawnMs = 0;
  /** @type {NodeJS.Timeout | undefined} */
  #respawnTimer;
  /** @type {NodeJS.Timeout | undefined} */
  #watch;

  /** @param {PoolOptions} options */
  constructor({ config, front, workerEnv, events }) {
    this.config = config;
    this.front = front;
    this.workerEnv = workerEnv;
    this.events = events;
  }

  /** @param {Post['state'][]} states */
  #of(...states) {
    return [...this.#posts].filter(({ state }) => states.includes(state));
  }

  /** Starts the workers, and resolves when the first is ready. If none gets ready, none is left. */
  async start() {
    const { workers, workerHeartbeatStaleAfterMs } = this.config;
    this.#wanted = workers;
    const posts = Array.from({ length: workers }, (_, index) => this.#fork(index));
    const raised = posts.map(async (post) => {
      await this.#untilRaised(post);
      await this.#engage(post);
      this.#served = true;
    });
    try {
      await Promise.any(raised);
    } catch (error) {
      this.#wanted = 0;
      await this.#kill(posts);
      throw mostTelling(/** @type {AggregateError} */ (error).errors);
    }
    this.#watch = setInterval(() => this.#lookForStale(), workerHeartbeatStaleAfterMs / 5).unref();
    // Those that are not ready yet are waited for by nobody: they are respawned like any other.
    for (const each of raised) each.catch((error) => this.#failed(error));
    this.#fill();
  }

  /** @param {Post[]} posts */
  async #kill(posts) {
    const living = posts.filter(({ state }) => state !== 'ended');
    for (const post of living) {
      post.state = 'leaving';
      post.kill();
    }
    await Promise.all(living.map(({ ended }) => ended));
  }

  /** @param {Error} error */
  #failed(error) {
    // What ends now has been told to.
    if (this.#wanted === 0) return;
    this.events.failed(error);
    this.#fill();
  }

  #freeSeat() {
    const taken = new Set([...this.#posts].map(({ seat }) => seat.seat));
    let seat = 0;
    while (taken.has(seat)) seat += 1;
    return seat;
  }

  /** @param {number} workerIndex */
  #fork(workerIndex) {
    const { workerHost, baseWorkerPort, workerEnv } = this.config;
    const number = this.#freeSeat();
    const port = baseWorkerPort === 0 ? 0 : (baseWorkerPort + number) % 65_536;
    const seat = { seat: number, id: `worker-${workerIndex}`, workerIndex, host: workerHost, port };
    const environment = { ...workerEnv, ...this.workerEnv(seat), ...this.front.prepare(seat) };
    const post = new Post(seat, cluster.fork(environment));
    this.#posts.add(post);
    post.worker.on('message', (message) => this.#heed(post, message));
    // Where the system starts no process, there is no exit either.
    post.worker.on('error', ({ message }) => post.pid === undefined && this.#ended(post, message));
    post.worker.once('exit', (code, signal) => this.#ended(post, signal ?? code));
    if (post.pid !== undefined) this.front.forked(seat, post.pid);
    return post;
  }

  /** @param {Post} post */
  async #untilRaised(post) {
    try {
      await within(readyMs, post.raised, () => {
        throw createError('FLOTILLA_ERR_WORKER_FAILED', [`it was not ready after ${readyMs} ms`]);
      });
    } catch (error) {
      // The program may have caught its error, and go on without a server.
      await this.#kill([post]);
      throw error;
    }
  }

  /**
   * Lets connections go to a worker that is raised.
   *
   * @param {Post} post
   */
  async #engage(post) {
    if (post.state !== 'raised') return;
    post.state = 'ready';
    await this.front.ready(post.seat);
    this.events.changed();
  }

  /**
   * @param {Post} post
   * @param {any} message whatever a worker sends, and it may be anything
   */
  #heed(post, message) {
    switch (message?.type) {
      case 'flotilla:worker-ready':
        return this.#raised(post, message);
      case 'flotilla:worker-failed':
        return post.settle?.reject(readError(message));
      case 'flotilla:heartbeat':
        return this.#heard(post, message);
      case 'flotilla:leaving':
        return this.#leaves(post);
      case 'flotilla:left':
        post.answered = message.answered === true;
    }
  }

  /**
   * @param {Post} post
   * @param {any} message
   */
  #raised(post, message) {
    const port = readPort(message.port);
    if (post.state !== 'starting' || port === undefined) return;
    post.seat.port = port;
    post.lastHeartbeatAt ??= Date.now();
    post.state = 'raised';
    post.settle?.resolve(undefined);
  }

  /**
   * @param {Post} post
   * @param {any} message
   */
  #heard(post, message) {
    const stats = readStats(message.stats, /** @type {number} */ (post.pid));
    if (!stats) return;
    post.stats = stats;
    post.lastHeartbeatAt = Date.now();
    this.events.heard(post.seat.id, stats);
    if (post.stale) this.#lookForStale();
  }

  /**
   * A worker that ends its service of its own accord gets no connections; it is replaced when its process ends.
   *
   * @param {Post} post
   */
  #leaves(post) {
    if (post.state !== 'ready') return;
    post.state = 'leaving';
    this.front.drain(post.seat);
    this.events.changed();
    this.#fill();
  }

  /** Takes connections from those that have not reported for long, as long as there are others. */
  #lookForStale() {
    const oldest = Date.now() - this.config.workerHeartbeatStaleAfterMs;
    for (const post of this.#of('ready')) {
      const stale = /** @type {number} */ (post.lastHeartbeatAt) < oldest;
      if (stale === post.stale) continue;
      post.stale = stale;
      if (stale) this.front.drain(post.seat);
      else this.front.ready(post.seat);
      this.events.changed();
    }
  }

  /**
   * @param {Post} post
   * @param {string | number} how
   */
  #ended(post, how) {
    const { state } = post;
    post.state = 'ended';
    this.#posts.delete(post);
    this.front.gone(post.seat);
    const error = createError('FLOTILLA_ERR_WORKER_FAILED', [`${post.seat.id} ended (${how})`]);
    post.settle?.reject(error);
    if (state !== 'ready') return;
    if (performance.now() - post.born > youngMs) this.#respawnMs = 0;
    this.events.changed();
    this.#failed(error);
  }

  /** Starts the workers that are missing. */
  #fill() {
    if (!this.#served || !this.config.respawnWorkers || this.#respawnTimer) return;
    if (this.#missing() === undefined) return;
    // Not unref'd: where all workers have ended at once, it is all that keeps the server.
    this.#respawnTimer = setTimeout(() => {
      this.#respawnTimer = undefined;
      const index = this.#missing();
      if (index === undefined) return;
      this.#respawn(index);
      this.#fill();
    }, this.#respawnMs);
    this.#respawnMs = Math.min(this.#respawnMs * 2 || 100, slowestRespawnMs);
  }

  /** The first place that nobody has. */
  #missing() {
    const there = new Set(this.#of('starting', 'raised', 'ready').map(({ seat }) => seat.workerIndex));
    for (let index = 0; index < this.#wanted; index++) if (!there.has(index)) return index;
    return undefined;
  }

  /** @param {number} index */
  async #respawn(index) {
    const post = this.#fork(index);
    try {
      await this.#untilRaised(post);
      if (this.#wanted > 0) await this.#engage(post);
    } catch (error) {
      if (this.#wanted > 0) this.#failed(/** @type {Error} */ (error));
    }
  }

  /** Replaces all workers. Rejects, with the old ones still serving, if one of the new ones does not get ready. */
  restart() {
    return this.#turns.take(async () => {
      if (this.#wanted === 0) throw createError('FLOTILLA_ERR_SERVER_NOT_STARTED', ['restartServer()']);
      const raised = await this.#raise();
      const old = [...this.#posts].filter((post) => !raised.includes(post));
      await Promise.all(raised.map((post) => this.#engage(post)));
      this.#respawnMs = 0;
      // One that ended since it was raised is replaced like any other.
      this.#fill();
      await Promise.all(old.map((post) => this.#dismiss(post, true)));
    });
  }

  /** Raises a set of workers, one after the other: those that serve keep most of the machine. */
  async #raise() {
    /** @type {Post[]} */
    const raised = [];
    try {
      for (let index = 0; index < this.config.workers; index++) {
        raised.push(this.#fork(index));
        await this.#untilRaised(raised[index]);
        if (this.#wanted === 0) throw createError('FLOTILLA_ERR_SERVER_NOT_STARTED', ['restartServer()']);
      }
    } catch (error) {
      await this.#kill(raised);
      throw error;
    }
    return raised;
  }

  /** @returns {Promise<boolean>} whether everything that was under way was answered */
  async stop() {
    this.#wanted = 0;
    clearTimeout(this.#respawnTimer);
    clearInterval(this.#watch);
    this.#respawnTimer = undefined;
    const young = this.#kill(this.#of('starting', 'raised'));
    const outcomes = await Promise.all(
      this.#of('ready', 'leaving').map((post) => this.#dismiss(post, false)),
    );
    await young;
    // A restart that was under way has noticed, and ended what it had raised.
    await this.#turns.take(async () => {});
    return outcomes.every((answered) => answered);
  }

  /**
   * @param {Post} post
   * @param {boolean} moves whether its connections go on with other workers
   */
  async #dismiss(post, moves) {
    if (post.state === 'ended') return true;
    const withinMs = this.config.gracefulShutdownTimeoutMs;
    post.state = 'leaving';
    this.events.changed();
    // A worker that is blocked takes nothing, and where no other is left nobody does.
    await within(withinMs, this.front.drain(post.seat), () => {});
    if (post.worker.isConnected()) {
      const lingerMs = moves ? idleMs : 0;
      post.worker.send({ type: 'flotilla:leave', lingerMs, withinMs, moves }, () => {});
    }
    await within(withinMs + killAfterMs, post.ended, () => {
      post.answered = false;
      post.kill();
    });
    await post.ended;
    return post.answered;
  }

  /** The workers that connections may go to: those that are ready, but for the stale, unless all are. */
  candidates() {
    const ready = this.#of('ready');
    const fresh = ready.filter(({ stale }) => !stale);
    return (fresh.length > 0 ? fresh : ready).map((post) => this.#describe(post));
  }

  /**
   * @param {Post} post
   * @returns {BackendCandidate}
   */
  #describe({ seat, pid, stale, stats, lastHeartbeatAt }) {
    const { connections, ...live } = this.front.load(seat);
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
}

/**
 * The error of the program, where there is one: that a worker ended says less.
 *
 * @param {any[]} errors
 */
const mostTelling = (errors) => errors.find(({ code }) => code !== 'FLOTILLA_ERR_WORKER_FAILED') ?? errors[0];

module.exports = { Pool };
