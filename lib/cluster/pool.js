/**
 * How many workers there should be, and of which generation: the pool starts and replaces them, and ends them all. It
 * knows nothing of applications.
 *
 * A worker that ends without having been told to is replaced, ever more slowly if the new ones in its place end young. A
 * restart raises a whole set of workers beside the old one; only when all of it is ready and alive do connections go there,
 * so new code that fails is noticed by nobody but the caller. If the primary dies, the workers die with it.
 */

/** @import { ResolvedServerConfig } from '../../index.js' */
/** @import { Customs, Events } from './crew.js' */
/** @import { Front, Seat } from './front.js' */
/** @import { Instance as Post } from './post.js' */

const { createError } = require('../errors.js');
const { Backoff } = require('../base/backoff.js');
const within = require('../base/within.js');
const { Crew } = require('./crew.js');

/**
 * @typedef {object} PoolOptions
 * @property {ResolvedServerConfig} config
 * @property {Front} front
 * @property {(seat: Seat, generation: number) => Record<string, string>} workerEnv
 * @property {Events} events
 * @property {Customs} customs
 */

/** The first worker of all has the machine for so long before the others begin. */
const HEAD_START_MS = 250;
/** One that ends sooner after it was ready is young: what ended it may end the next one too. */
const youngMs = 1000;

/** @typedef {Pool} Instance */

class Pool {
  #crew;
  /** That of the workers which serve, and of those that replace them when they end. */
  #generation = 1;
  #wanted = 0;
  /** Whether one was ready since the start: until then nobody is replaced. */
  #served = false;
  /** Of each place, when who has left it is replaced. */
  #respawns;
  /** Those that were raised beside others of their generation. @type {WeakSet<Post>} */
  #successors = new WeakSet();

  /** @param {PoolOptions} options */
  constructor({ config, front, workerEnv, events, customs }) {
    this.config = config;
    this.#respawns = Array.from({ length: config.workers }, () => new Backoff());
    this.events = events;
    this.#crew = new Crew({
      config,
      front,
      workerEnv,
      events,
      customs,
      lost: (post, error) => this.#lost(post, error),
    });
  }

  /**
   * Starts the workers, and resolves when the first is ready. The others begin when that one is, or is slow. If none gets
   * ready, none is left.
   *
   * @param {number} generation
   */
  async start(generation) {
    this.#generation = generation;
    this.#wanted = this.config.workers;
    const raised = [this.#raiseOne(0)];
    try {
      await within(HEAD_START_MS, raised[0], () => {});
      if (!this.#served) {
        raised.push(...this.#raiseMissing());
        await Promise.any(raised);
      }
    } catch (error) {
      this.#wanted = 0;
      await this.#crew.kill(this.#crew.all);
      throw mostTelling(error instanceof AggregateError ? error.errors : [error]);
    }
    this.#crew.beginWatch();
    if (raised.length > 1) this.#leaveAlone(raised);
    // Whoever waits for the first answer waits for no other worker: not even for its process to be made.
    else setImmediate(() => this.#leaveAlone(this.#raiseMissing()));
  }

  /** @param {number} index */
  async #raiseOne(index) {
    const post = this.#crew.fork(index, this.#generation);
    await this.#crew.untilRaised(post);
    await this.#crew.engage(post);
    this.#served = true;
  }

  #raiseMissing() {
    return this.#missing().map((index) => this.#raiseOne(index));
  }

  /**
   * Those that are not ready yet are waited for by nobody: they are respawned like any other.
   *
   * @param {Promise<void>[]} raised
   */
  #leaveAlone(raised) {
    for (const each of raised) each.catch((error) => this.#failed(error));
    this.#fill();
  }

  /**
   * @param {Post} post
   * @param {Error} [error] nothing where it leaves of its own accord
   */
  #lost(post, error) {
    if (performance.now() - post.readyAt > youngMs) this.#respawns[post.seat.workerIndex].reset();
    if (error) this.#failed(error);
    else this.#fill();
  }

  /** @param {Error} error */
  #failed(error) {
    // What ends now has been told to.
    if (this.#wanted === 0) return;
    this.events.failed(error);
    this.#fill();
  }

  /** Starts the workers that are missing. */
  #fill() {
    if (!this.#served || !this.config.respawnWorkers) return;
    for (const index of this.#missing()) {
      this.#respawns[index].after(() => this.#missing().includes(index) && this.#replace(index));
    }
  }

  /** The places that nobody has. */
  #missing() {
    const present = this.#crew.of('starting', 'raised', 'ready');
    const there = new Set(
      present.filter(({ generation }) => generation === this.#generation).map(({ seat }) => seat.workerIndex),
    );
    return Array.from({ length: this.#wanted }, (_, index) => index).filter((index) => !there.has(index));
  }

  /** @param {number} index */
  async #replace(index) {
    const post = this.#crew.fork(index, this.#generation);
    try {
      await this.#crew.untilRaised(post);
      if (this.#wanted === 0) return;
      await this.#crew.engage(post);
      this.events.replaced?.(post);
    } catch (error) {
      if (this.#wanted > 0) this.#failed(/** @type {Error} */ (error));
    }
  }

  /**
   * Starts a generation of workers beside those that serve, and resolves when all of it is ready. Rejects if one of them
   * does not get ready, or ends before the others are; then all of them are ended again, and nothing has changed.
   *
   * @param {number} generation
   */
  async raise(generation) {
    const { workers } = this.config;
    const serves = this.#wanted > 0;
    this.#wanted = workers;
    /** @type {Post[]} */
    const raised = [];
    let fall = (/** @type {unknown} */ _error) => {};
    const fallen = new Promise((_resolve, reject) => {
      fall = reject;
    });
    const raiseOne = (/** @type {number} */ index) => {
      const post = this.#crew.fork(index, generation);
      raised.push(post);
      post.raised
        .then(() => post.ended)
        .then(
          () => fall(post.failure),
          () => {},
        );
      return Promise.race([this.#crew.untilRaised(post), fallen]);
    };
    try {
      const indexes = Array.from({ length: workers }, (_, index) => index);
      // One after the other: those that serve keep most of the machine.
      if (serves) for (const index of indexes) await raiseOne(index);
      else await Promise.all(indexes.map(raiseOne));
    } catch (error) {
      if (!serves) this.#wanted = 0;
      await this.discard(raised);
      throw error;
    }
    return raised;
  }

  /**
   * Throws if one of the workers that were raised serves nobody any more.
   *
   * @param {Post[]} raised
   */
  confirm(raised) {
    const lost = raised.find(({ state }) => state !== 'raised');
    if (lost) throw lost.failure ?? createError('FLOTILLA_ERR_WORKER_FAILED', [`${lost.seat.id} left`]);
  }

  /**
   * Lets a generation that is being raised fail, because the end is wanted first.
   *
   * @param {boolean} alsoFirst whether also one that has none before it
   */
  giveUp(alsoFirst) {
    const error = createError('FLOTILLA_ERR_WORKER_FAILED', ['a stop was asked for before it was ready']);
    for (const post of this.#crew.of('starting')) {
      const isOneMore = post.generation !== this.#generation || this.#successors.has(post);
      if (alsoFirst || isOneMore) post.settle?.reject(error);
    }
  }

  /**
   * Has so many workers from now on, of the generation that serves. Where there are to be more, it resolves when they are
   * ready; those that are too many end, and their connections go on with others.
   *
   * @param {number} workers
   */
  async scale(workers) {
    const before = this.config.workers;
    const more = Array.from({ length: Math.max(workers - before, 0) }, (_, index) =>
      this.#successor(before + index),
    );
    try {
      await Promise.all(more.map((post) => this.#crew.untilRaised(post)));
    } catch (error) {
      await this.discard(more);
      throw error;
    }
    while (this.#respawns.length < workers) this.#respawns.push(new Backoff());
    this.config = { ...this.config, workers };
    this.#wanted = workers;
    await Promise.all(more.map((post) => this.#crew.engage(post)));
    const spare = this.#crew.of('raised', 'ready').filter(({ seat }) => seat.workerIndex >= workers);
    await Promise.all(spare.map((post) => this.#crew.dismiss(post, true)));
  }

  /**
   * Replaces one worker by another of the same generation. Where that does not get ready, the old one serves on.
   *
   * @param {number} index
   */
  async renew(index) {
    const old = this.#crew.of('ready').filter(({ seat }) => seat.workerIndex === index);
    const post = this.#successor(index);
    await this.#crew.untilRaised(post);
    await this.#crew.engage(post);
    await Promise.all(old.map((each) => this.#crew.dismiss(each, true)));
  }

  /** @param {number} index */
  #successor(index) {
    const post = this.#crew.fork(index, this.#generation);
    this.#successors.add(post);
    return post;
  }

  /** All processes that there are. */
  get all() {
    return this.#crew.all;
  }

  /** How many workers there should be. */
  get wanted() {
    return this.#wanted;
  }

  /**
   * Ends workers that were raised, and are not wanted.
   *
   * @param {Post[]} raised
   */
  async discard(raised) {
    await Promise.all(raised.map((post) => this.#crew.dismiss(post, false)));
  }

  /**
   * Lets connections go to workers that were raised, and ends all others.
   *
   * @param {Post[]} raised
   */
  async replaceBy(raised) {
    const old = this.#crew.all.filter((post) => !raised.includes(post));
    this.#generation = raised[0].generation;
    await Promise.all(raised.map((post) => this.#crew.engage(post)));
    for (const respawn of this.#respawns) respawn.reset();
    this.#served = true;
    this.#crew.beginWatch();
    // One that ended since it was raised is replaced like any other.
    this.#fill();
    await Promise.all(old.map((post) => this.#crew.dismiss(post, true)));
  }

  /** @param {Post} post a worker that somebody else has told to end */
  release(post) {
    this.#crew.release(post);
  }

  /** @returns {Promise<boolean>} whether everything that was under way was answered */
  async stop() {
    this.#wanted = 0;
    for (const respawn of this.#respawns) respawn.cancel();
    this.#crew.endWatch();
    const outcomes = await Promise.all(this.#crew.all.map((post) => this.#crew.dismiss(post, false)));
    return outcomes.every((answered) => answered);
  }

  /**
   * The workers that serve: one that leaves of its own accord does not, and when all are to end, all of them do.
   *
   * @returns {Post[]}
   */
  get serving() {
    const serving = this.#wanted > 0 ? this.#crew.of('ready') : this.#crew.of('ready', 'leaving');
    return serving.filter(({ generation }) => generation === this.#generation);
  }

  /**
   * Says something to all workers that connections go to.
   *
   * @param {object} message
   */
  tell(message) {
    for (const post of this.#crew.of('ready')) post.send(message);
  }

  /** The workers that connections may go to. */
  candidates() {
    return this.#crew.candidates();
  }
}

/**
 * The error of the program, where there is one: that a worker ended says less.
 *
 * @param {any[]} errors
 */
const mostTelling = (errors) => errors.find(({ code }) => code !== 'FLOTILLA_ERR_WORKER_FAILED') ?? errors[0];

module.exports = { Pool };
