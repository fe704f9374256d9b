/**
 * The worker processes that are there: started, listened to, given connections, and ended. How many there should be, and
 * of which generation, others decide.
 *
 * What a worker says may be anything, and is looked at before it is believed. One that is silent for long gets no
 * connections while there are others. If the primary dies, the workers die with it.
 */

/** @import { ResolvedServerConfig, WorkerRuntimeStats } from '../../index.js' */
/** @import { Front, Seat } from './front.js' */
/** @import { Instance as Post } from './post.js' */

const { debug } = require('../base/debug.js');
const { createError } = require('../errors.js');
const within = require('../base/within.js');
const { meaningOf } = require('./endings.js');
const { forkWith } = require('./forking.js');
const { CLOSING_MS, IDLE_MS, readError, readPort, readStats } = require('./messages.js');
const { Post: WorkerPost } = require('./post.js');

const tellDebug = debug('flotilla:server');

/**
 * @typedef {object} Events what is told of workers
 * @property {(error: Error) => void} failed a worker that ended unasked, or did not get ready
 * @property {(id: string, stats: WorkerRuntimeStats) => void} heard
 * @property {() => void} changed which workers connections may go to
 * @property {(post: Post, message: any) => void} [said] what a worker said beside what is understood here
 * @property {(post: Post, why: string) => void} [ended] its process has ended
 * @property {(post: Post) => void} [replaced] it serves in the place of one that has ended
 * @property {(post: Post) => void} [engaged] connections may go to it from now on
 */
/**
 * @typedef {object} Customs how workers are dealt with
 * @property {number} readyMs how long one may take to get ready
 * @property {boolean} [blind] whether they see nothing of their own connections, which end here before a worker is told to
 * @property {boolean} polite whether also one that never served is told to leave, for it may hold something; and those
 *   that end for good take connections until then, to refuse them
 */
/**
 * @typedef {object} CrewOptions
 * @property {ResolvedServerConfig} config
 * @property {Front} front
 * @property {(seat: Seat, generation: number) => Record<string, string>} workerEnv
 * @property {Events} events
 * @property {Customs} customs
 * @property {(post: Post, error?: Error) => void} lost one that served is leaving of its own accord, or has ended unasked
 */

/** What a worker may take beside the times that it is given. */
const spareMs = 1000;

class Crew {
  /** @type {Set<Post>} */
  #posts = new Set();
  /** @type {NodeJS.Timeout | undefined} */
  #watch;
  #lost;

  /** @param {CrewOptions} options */
  constructor({ config, front, workerEnv, events, customs, lost }) {
    this.config = config;
    this.front = front;
    this.workerEnv = workerEnv;
    this.events = events;
    this.customs = customs;
    this.#lost = lost;
  }

  get all() {
    return [...this.#posts];
  }

  /** @param {Post['state'][]} states */
  of(...states) {
    return this.all.filter(({ state }) => states.includes(state));
  }

  /** Looks from now on for workers that have not reported for long. */
  beginWatch() {
    const everyMs = this.config.workerHeartbeatStaleAfterMs / 5;
    this.#watch ??= setInterval(() => this.#lookForStale(), everyMs).unref();
  }

  endWatch() {
    clearInterval(this.#watch);
    this.#watch = undefined;
  }

  #freeSeat() {
    const taken = new Set(this.all.map(({ seat }) => seat.seat));
    let seat = 0;
    while (taken.has(seat)) seat += 1;
    return seat;
  }

  /**
   * @param {number} workerIndex
   * @param {number} generation
   */
  fork(workerIndex, generation) {
    const { workerHost, baseWorkerPort, workerEnv } = this.config;
    const number = this.#freeSeat();
    const port = baseWorkerPort === 0 ? 0 : (baseWorkerPort + number) % 65_536;
    const seat = { seat: number, id: `worker-${workerIndex}`, workerIndex, host: workerHost, port };
    const environment = { ...workerEnv, ...this.workerEnv(seat, generation) };
    const worker = forkWith(environment, this.front.prepare(seat));
    const post = new WorkerPost(seat, worker, generation);
    this.#posts.add(post);
    post.worker.on('message', (message) => this.#heed(post, message));
    // Where the system starts no process, there is no exit either.
    post.worker.on('error', ({ message }) => post.pid === undefined && this.#ended(post, message));
    post.worker.once('exit', (code, signal) => this.#ended(post, signal ?? code));
    // Of others, the exit says all.
    post.worker.once('disconnect', () => post.worker.exitedAfterDisconnect && this.release(post));
    tellDebug?.(seat.id, 'forked as', post.pid, 'in generation', generation);
    if (post.pid !== undefined) this.front.forked(seat, post.pid);
    return post;
  }

  /** @param {Post} post */
  async untilRaised(post) {
    const patience = this.customs.readyMs;
    try {
      await within(patience, post.raised, () => {
        throw createError('FLOTILLA_ERR_WORKER_FAILED', [`it was not ready after ${patience} ms`]);
      });
    } catch (error) {
      // The program may have caught its error, and go on without a server.
      await this.dismiss(post, false);
      throw error;
    }
  }

  /**
   * Lets connections go to a worker that is raised.
   *
   * @param {Post} post
   */
  async engage(post) {
    if (post.state !== 'raised') return;
    post.state = 'ready';
    post.served = true;
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
        post.left = true;
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
   * A worker that ends its service, and was not told to, gets no connections.
   *
   * @param {Post} post
   */
  #leaves(post) {
    const { state } = post;
    post.hears?.(undefined);
    if (state !== 'ready' && state !== 'raised') return;
    post.state = 'leaving';
    if (state === 'raised') return;
    this.front.drain(post.seat);
    this.events.changed();
    this.#lost(post);
  }

  /**
   * Lets a worker go that somebody else has told to end: its connections go on with others, and another takes its place.
   *
   * @param {Post} post
   */
  release(post) {
    const { state } = post;
    if (state === 'starting') {
      const reason = `${post.seat.id} was told to end before it was ready`;
      post.settle?.reject(createError('FLOTILLA_ERR_WORKER_FAILED', [reason]));
    }
    if (state !== 'ready' && state !== 'raised') return;
    this.dismiss(post, true);
    if (state === 'ready') this.#lost(post);
  }

  /** Takes connections from those that have not reported for long, as long as there are others. */
  #lookForStale() {
    const oldest = Date.now() - this.config.workerHeartbeatStaleAfterMs;
    for (const post of this.of('ready')) {
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
    this.events.ended?.(post, causeOf(post, state, how));
    const isOverdue = post.overdueMs !== undefined;
    const why = isOverdue ? `${how}: it had not left after ${post.overdueMs} ms` : how;
    const meaning = isOverdue ? '' : meaningOf(how, state !== 'starting');
    const error = createError('FLOTILLA_ERR_WORKER_FAILED', [`${post.seat.id} ended (${why})${meaning}`]);
    post.failure = error;
    post.settle?.reject(error);
    if (state === 'leaving') return this.#endedLeaving(post, how, error);
    if (state !== 'ready') return;
    this.events.changed();
    this.#lost(post, error);
  }

  /**
   * One that had served, and died before it could say how it left, took with it what was under way.
   *
   * @param {Post} post
   * @param {string | number} how
   * @param {Error} error
   */
  #endedLeaving(post, how, error) {
    if (!post.served || post.left || how === 0) return;
    post.answered = false;
    this.events.failed(error);
  }

  /** @param {Post[]} posts */
  async kill(posts) {
    const living = posts.filter(({ state }) => state !== 'ended');
    for (const post of living) {
      post.state = 'leaving';
      post.kill();
    }
    await Promise.all(living.map(({ ended }) => ended));
  }

  /**
   * @param {Post} post
   * @param {boolean} moves whether its connections go on with other workers
   * @returns {Promise<boolean>} whether it answered all that was under way in it
   */
  async dismiss(post, moves) {
    if (post.state === 'ended') return true;
    const { polite } = this.customs;
    const served = post.state === 'ready' || post.state === 'leaving';
    post.state = 'leaving';
    if (!served && !polite) {
      post.kill();
    } else {
      this.events.changed();
      await this.#untilLeft(post, moves);
    }
    await post.ended;
    return post.answered && !post.cut;
  }

  /**
   * Tells a worker to leave, and kills it if it does not: one that does not even hear of it, because it is blocked, when its
   * requests have had their time; one that does, when its resources have had theirs too.
   *
   * @param {Post} post
   * @param {boolean} moves
   */
  async #untilLeft(post, moves) {
    const grace = this.config.gracefulShutdownTimeoutMs;
    const { blind, polite } = this.customs;
    const killAfter = (/** @type {number} */ ms) => () => {
      post.overdueMs = ms;
      post.kill();
    };
    const begun = performance.now();
    // A worker that is blocked takes nothing, and where no other is left nobody does.
    if (moves || !polite) await within(grace, this.front.drain(post.seat), () => {});
    if (blind) await this.#untilQuiet(post, grace);
    const told = performance.now();
    this.#tellToLeave(post, moves);
    const deafMs = grace + spareMs;
    await within(begun + deafMs - told, Promise.race([post.heard, post.ended]), killAfter(deafMs));
    const endMs = grace + Math.min(grace, CLOSING_MS) + spareMs;
    const from = blind ? begun : told;
    await within(from + endMs - performance.now(), post.ended, killAfter(post.overdueMs ?? endMs));
  }

  /**
   * Waits until what a worker has under way is answered. What is not in time ends with the worker, and is told of.
   *
   * @param {Post} post
   * @param {number} grace
   */
  async #untilQuiet(post, grace) {
    const left = await Promise.race([this.front.part?.(post.seat, grace), post.ended]);
    if (typeof left !== 'number' || left === 0 || post.state === 'ended') return;
    post.cut = true;
    const culprit = `${left} connection${left > 1 ? 's' : ''} of ${post.seat.id} not quiet yet`;
    this.events.failed(createError('FLOTILLA_ERR_SHUTDOWN_TIMEOUT', [`${grace}`, culprit]));
  }

  /**
   * @param {Post} post
   * @param {boolean} moves
   */
  #tellToLeave(post, moves) {
    const withinMs = this.config.gracefulShutdownTimeoutMs;
    post.send({ type: 'flotilla:leave', lingerMs: moves ? IDLE_MS : 0, withinMs, moves });
  }

  /**
   * The workers that connections may go to: those that are ready, but for the stale, unless all are. Where all are told
   * to leave, those that refuse what comes until then.
   */
  candidates() {
    const ready = this.of('ready');
    const takers = ready.length > 0 ? ready : this.of('leaving').filter(({ served }) => served);
    const fresh = takers.filter(({ stale }) => !stale);
    return (fresh.length > 0 ? fresh : takers).map((post) => post.candidate(this.front.load(post.seat)));
  }
}

/**
 * Why a process has ended, in a word or two.
 *
 * @param {Post} post
 * @param {Post['state']} state in which it was
 * @param {string | number} how
 */
function causeOf({ overdueMs, left, served }, state, how) {
  if (overdueMs !== undefined) return 'overdue';
  if (!served) return 'not ready';
  if (state === 'leaving' && (left || how === 0)) return 'left';
  return typeof how === 'number' ? `exit ${how}` : how;
}

module.exports = { Crew };
