/**
 * The worker processes: started, replaced, and ended. It knows nothing of applications.
 *
 * A worker that ends without having been told to is replaced, ever more slowly if the new ones end young. A restart
 * raises a whole set of workers beside the old one; only when all of it is ready do connections go there, so new code
 * that fails is noticed by nobody but the caller. If the primary dies, Node ends the workers.
 */

/** @import { ResolvedServerConfig, WorkerRuntimeStats } from '../../index.js' */
/** @import { Front, Seat } from './front.js' */
/** @import { Instance as Post } from './post.js' */

const cluster = /** @type {import('node:cluster').Cluster} */ (
  /** @type {unknown} */ (require('node:cluster'))
);
const { debug } = require('../debug.js');
const { createError } = require('../errors.js');
const { Turns } = require('../lifecycle/turns.js');
const within = require('../lifecycle/within.js');
const { Backoff } = require('./backoff.js');
const { readError, readPort, readStats } = require('./messages.js');
const { Post: WorkerPost } = require('./post.js');

const tellDebug = debug('flotilla:server');

/**
 * @typedef {object} Events what the pool tells of
 * @property {(error: Error) => void} failed a worker that ended unasked, or did not get ready
 * @property {(id: string, stats: WorkerRuntimeStats) => void} heard
 * @property {() => void} changed which workers connections may go to
 * @property {(post: Post, message: any) => void} [said] what a worker said beside what a pool understands
 * @property {(post: Post) => void} [engaged] connections may go to it from now on
 */
/**
 * @typedef {object} Customs how workers are dealt with
 * @property {number} readyMs how long one may take to get ready
 * @property {number} endMs how long one that was told to leave may take, before it is killed
 * @property {boolean} polite whether also one that never served is told to leave, for it may hold something; and those
 *   that end for good take connections until then, to refuse them
 */
/**
 * @typedef {object} PoolOptions
 * @property {ResolvedServerConfig} config
 * @property {Front} front
 * @property {(seat: Seat, generation: number) => Record<string, string>} workerEnv
 * @property {Events} events
 * @property {Customs} [customs]
 */

const readyMs = 30_000;
/** How much longer than its own deadline a worker may take to end, before it is killed. */
const killAfterMs = 1000;
/** In a restart a connection may be idle this long before it is closed: its next request may be on the way. */
const idleMs = 1000;
/** One that ends sooner after it was ready is young: what ended it may end the next one too. */
const youngMs = 1000;

/** @typedef {Pool} Instance */

class Pool {
  /** @type {Set<Post>} */
  #posts = new Set();
  /** That of the workers which serve, and of those that replace them when they end. */
  #generation = 1;
  #turns = new Turns();
  #wanted = 0;
  /** Whether one was ready since the start: until then nobody is replaced. */
  #served = false;
  #respawn = new Backoff();
  /** @type {NodeJS.Timeout | undefined} */
  #watch;

  /** @param {PoolOptions} options */
  constructor({ config, front, workerEnv, events, customs }) {
    const endMs = config.gracefulShutdownTimeoutMs + killAfterMs;
    this.customs = customs ?? { readyMs, endMs, polite: false };
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
    this.#wanted = this.config.workers;
    const posts = Array.from({ length: this.#wanted }, (_, index) => this.#fork(index, this.#generation));
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
    this.#beginWatch();
    // Those that are not ready yet are waited for by nobody: they are respawned like any other.
    for (const each of raised) each.catch((error) => this.#failed(error));
    this.#fill();
  }

  #beginWatch() {
    const everyMs = this.config.workerHeartbeatStaleAfterMs / 5;
    this.#watch ??= setInterval(() => this.#lookForStale(), everyMs).unref();
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

  /**
   * @param {number} workerIndex
   * @param {number} generation
   */
  #fork(workerIndex, generation) {
    const { workerHost, baseWorkerPort, workerEnv } = this.config;
    const number = this.#freeSeat();
    const port = baseWorkerPort === 0 ? 0 : (baseWorkerPort + number) % 65_536;
    const seat = { seat: number, id: `worker-${workerIndex}`, workerIndex, host: workerHost, port };
    const environment = { ...workerEnv, ...this.workerEnv(seat, generation), ...this.front.prepare(seat) };
    const post = new WorkerPost(seat, cluster.fork(environment), generation);
    this.#posts.add(post);
    post.worker.on('message', (message) => this.#heed(post, message));
    // Where the system starts no process, there is no exit either.
    post.worker.on('error', ({ message }) => post.pid === undefined && this.#ended(post, message));
    post.worker.once('exit', (code, signal) => this.#ended(post, signal ?? code));
    tellDebug?.(seat.id, 'forked as', post.pid, 'in generation', generation);
    if (post.pid !== undefined) this.front.forked(seat, post.pid);
    return post;
  }

  /** @param {Post} post */
  async #untilRaised(post) {
    const patience = this.customs.readyMs;
    try {
      await within(patience, post.raised, () => {
        throw createError('FLOTILLA_ERR_WORKER_FAILED', [`it was not ready after ${patience} ms`]);
      });
    } catch (error) {
      // The program may have caught its error, and go on without a server.
      await this.#dismiss(post, false);
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
    tellDebug?.(post.seat.id, post.pid, 'is ready on port', post.seat.port);
    await this.front.ready(post.seat);
    this.events.engaged?.(post);
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
        return;
      default:
        this.events.said?.(post, message);
    }
  }

  /**
   * @param {Post} post
   * @param {any} message
   */
  #raised(post, message) {
    const port = readPort(message.port);
    // It was told before it could hear.
    if (post.state === 'leaving') return this.#tellToLeave(post, false);
    if (post.state !== 'starting' || port === undefined) return;
    post.seat.port = port;
    post.readyAt = performance.now();
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
    tellDebug?.(post.seat.id, post.pid, 'ended:', how, 'after being', state);
    post.state = 'ended';
    this.#posts.delete(post);
    this.front.gone(post.seat);
    const error = createError('FLOTILLA_ERR_WORKER_FAILED', [`${post.seat.id} ended (${how})`]);
    post.settle?.reject(error);
    if (state !== 'ready') return;
    if (performance.now() - post.readyAt > youngMs) this.#respawn.reset();
    this.events.changed();
    this.#failed(error);
  }

  /** Starts the workers that are missing. */
  #fill() {
    if (!this.#served || !this.config.respawnWorkers || this.#missing() === undefined) return;
    this.#respawn.after(() => {
      const index = this.#missing();
      if (index === undefined) return;
      this.#replace(index);
      this.#fill();
    });
  }

  /** The first place that nobody has. */
  #missing() {
    const present = this.#of('starting', 'raised', 'ready');
    const there = new Set(
      present.filter(({ generation }) => generation === this.#generation).map(({ seat }) => seat.workerIndex),
    );
    for (let index = 0; index < this.#wanted; index++) if (!there.has(index)) return index;
    return undefined;
  }

  /** @param {number} index */
  async #replace(index) {
    const post = this.#fork(index, this.#generation);
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
      if (this.#wanted === 0) throw stoppedMeanwhile();
      await this.replaceBy(await this.raise(this.#generation + 1));
    });
  }

  /**
   * Starts a generation of workers beside those that serve, and resolves when all of it is ready. Rejects if one of them
   * does not get ready; then all of them are ended again, and nothing has changed.
   *
   * @param {number} generation
   */
  async raise(generation) {
    const { workers } = this.config;
    const serves = this.#wanted > 0;
    this.#wanted = workers;
    /** @type {Post[]} */
    const raised = [];
    try {
      if (serves) {
        // One after the other: those that serve keep most of the machine.
        for (let index = 0; index < workers; index++) {
          raised.push(this.#fork(index, generation));
          await this.#untilRaised(raised[index]);
          if (this.#wanted === 0) throw stoppedMeanwhile();
        }
      } else {
        for (let index = 0; index < workers; index++) raised.push(this.#fork(index, generation));
        await Promise.all(raised.map((post) => this.#untilRaised(post)));
      }
    } catch (error) {
      if (!serves) this.#wanted = 0;
      await this.discard(raised);
      throw error;
    }
    return raised;
  }

  /** Lets a generation that is being raised fail, because the end is wanted first. */
  giveUp() {
    const error = createError('FLOTILLA_ERR_WORKER_FAILED', ['a stop was asked for before it was ready']);
    for (const post of this.#of('starting')) {
      if (post.generation !== this.#generation) post.settle?.reject(error);
    }
  }

  /**
   * Ends workers that were raised, and are not wanted.
   *
   * @param {Post[]} raised
   */
  async discard(raised) {
    await Promise.all(raised.map((post) => this.#dismiss(post, false)));
  }

  /**
   * Lets connections go to workers that were raised, and ends all others.
   *
   * @param {Post[]} raised
   */
  async replaceBy(raised) {
    const old = [...this.#posts].filter((post) => !raised.includes(post));
    this.#generation = raised[0].generation;
    await Promise.all(raised.map((post) => this.#engage(post)));
    this.#respawn.reset();
    this.#served = true;
    this.#beginWatch();
    // One that ended since it was raised is replaced like any other.
    this.#fill();
    await Promise.all(old.map((post) => this.#dismiss(post, true)));
  }

  /** @returns {Promise<boolean>} whether everything that was under way was answered */
  async stop() {
    this.#wanted = 0;
    this.#respawn.cancel();
    clearInterval(this.#watch);
    this.#watch = undefined;
    const outcomes = await Promise.all([...this.#posts].map((post) => this.#dismiss(post, false)));
    // A restart that was under way has noticed, and ended what it had raised.
    await this.#turns.take(async () => {});
    return outcomes.every((answered) => answered);
  }

  /**
   * @param {Post} post
   * @param {boolean} moves whether its connections go on with other workers
   * @returns {Promise<boolean>} whether it answered all that was under way in it
   */
  async #dismiss(post, moves) {
    if (post.state === 'ended') return true;
    const { endMs, polite } = this.customs;
    const served = post.state === 'ready' || post.state === 'leaving';
    post.state = 'leaving';
    if (!served && !polite) {
      post.kill();
    } else {
      this.events.changed();
      // A worker that is blocked takes nothing, and where no other is left nobody does.
      if (moves || !polite)
        await within(this.config.gracefulShutdownTimeoutMs, this.front.drain(post.seat), () => {});
      this.#tellToLeave(post, moves);
      await within(endMs, post.ended, () => {
        post.answered = false;
        post.kill();
      });
    }
    await post.ended;
    return post.answered;
  }

  /**
   * @param {Post} post
   * @param {boolean} moves
   */
  #tellToLeave(post, moves) {
    const withinMs = this.config.gracefulShutdownTimeoutMs;
    post.send({ type: 'flotilla:leave', lingerMs: moves ? idleMs : 0, withinMs, moves });
  }

  /**
   * The workers that serve, and those of them that are leaving.
   *
   * @returns {Post[]}
   */
  get serving() {
    return this.#of('ready', 'leaving').filter(({ generation }) => generation === this.#generation);
  }

  /**
   * Says something to all workers that connections go to.
   *
   * @param {object} message
   */
  tell(message) {
    for (const post of this.#of('ready')) post.send(message);
  }

  /** The workers that connections may go to: those that are ready, but for the stale, unless all are. */
  candidates() {
    const ready = this.#of('ready');
    const fresh = ready.filter(({ stale }) => !stale);
    return (fresh.length > 0 ? fresh : ready).map((post) => post.candidate(this.front.load(post.seat)));
  }
}

const stoppedMeanwhile = () => createError('FLOTILLA_ERR_SERVER_NOT_STARTED', ['restartServer()']);

/**
 * The error of the program, where there is one: that a worker ended says less.
 *
 * @param {any[]} errors
 */
const mostTelling = (errors) => errors.find(({ code }) => code !== 'FLOTILLA_ERR_WORKER_FAILED') ?? errors[0];

module.exports = { Pool };
