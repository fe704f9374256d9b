/**
 * How many workers there should be, and of which generation: the pool starts and replaces them, and ends them all. It
 * knows nothing of applications.
 *
 * A worker that ends without having been told to is replaced, ever more slowly if the new ones end young. A restart
 * raises a whole set of workers beside the old one; only when all of it is ready do connections go there, so new code
 * that fails is noticed by nobody but the caller. If the primary dies, Node ends the workers.
 */

/** @import { ResolvedServerConfig } from '../../index.js' */
/** @import { Customs, Events } from './crew.js' */
/** @import { Front, Seat } from './front.js' */
/** @import { Instance as Post } from './post.js' */

const { createError } = require('../errors.js');
const { Backoff } = require('../base/backoff.js');
const { Crew } = require('./crew.js');

/**
 * @typedef {object} PoolOptions
 * @property {ResolvedServerConfig} config
 * @property {Front} front
 * @property {(seat: Seat, generation: number) => Record<string, string>} workerEnv
 * @property {Events} events
 * @property {Customs} customs
 */

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
  #respawn = new Backoff();

  /** @param {PoolOptions} options */
  constructor({ config, front, workerEnv, events, customs }) {
    this.config = config;
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
   * Starts the workers, and resolves when the first is ready. If none gets ready, none is left.
   *
   * @param {number} generation
   */
  async start(generation) {
    this.#generation = generation;
    this.#wanted = this.config.workers;
    const posts = Array.from({ length: this.#wanted }, (_, index) =>
      this.#crew.fork(index, this.#generation),
    );
    const raised = posts.map(async (post) => {
      await this.#crew.untilRaised(post);
      await this.#crew.engage(post);
      this.#served = true;
    });
    try {
      await Promise.any(raised);
    } catch (error) {
      this.#wanted = 0;
      await this.#crew.kill(posts);
      throw mostTelling(/** @type {AggregateError} */ (error).errors);
    }
    this.#crew.beginWatch();
    // Those that are not ready yet are waited for by nobody: they are respawned like any other.
    for (const each of raised) each.catch((error) => this.#failed(error));
    this.#fill();
  }

  /**
   * @param {Post} post
   * @param {Error} [error] nothing where it leaves of its own accord
   */
  #lost(post, error) {
    if (!error) return this.#fill();
    if (performance.now() - post.readyAt > youngMs) this.#respawn.reset();
    this.#failed(error);
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
    const present = this.#crew.of('starting', 'raised', 'ready');
    const there = new Set(
      present.filter(({ generation }) => generation === this.#generation).map(({ seat }) => seat.workerIndex),
    );
    for (let index = 0; index < this.#wanted; index++) if (!there.has(index)) return index;
    return undefined;
  }

  /** @param {number} index */
  async #replace(index) {
    const post = this.#crew.fork(index, this.#generation);
    try {
      await this.#crew.untilRaised(post);
      if (this.#wanted > 0) await this.#crew.engage(post);
    } catch (error) {
      if (this.#wanted > 0) this.#failed(/** @type {Error} */ (error));
    }
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
          raised.push(this.#crew.fork(index, generation));
          await this.#crew.untilRaised(raised[index]);
        }
      } else {
        for (let index = 0; index < workers; index++) raised.push(this.#crew.fork(index, generation));
        await Promise.all(raised.map((post) => this.#crew.untilRaised(post)));
      }
    } catch (error) {
      if (!serves) this.#wanted = 0;
      await this.discard(raised);
      throw error;
    }
    return raised;
  }

  /**
   * Lets a generation that is being raised fail, because the end is wanted first.
   *
   * @param {boolean} alsoFirst whether also one that has none before it
   */
  giveUp(alsoFirst) {
    const error = createError('FLOTILLA_ERR_WORKER_FAILED', ['a stop was asked for before it was ready']);
    for (const post of this.#crew.of('starting')) {
      if (alsoFirst || post.generation !== this.#generation) post.settle?.reject(error);
    }
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
    this.#respawn.reset();
    this.#served = true;
    this.#crew.beginWatch();
    // One that ended since it was raised is replaced like any other.
    this.#fill();
    await Promise.all(old.map((post) => this.#crew.dismiss(post, true)));
  }

  /** @returns {Promise<boolean>} whether everything that was under way was answered */
  async stop() {
    this.#wanted = 0;
    this.#respawn.cancel();
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
