/**
 * The worker processes of a clustered server: started, replaced one generation by the next, and ended.
 *
 * A worker has one generation of the application for its whole life. It says when it is ready; until then it gets no
 * connections. One that ends without having been told to is replaced, ever more slowly if the new ones end young. If
 * the primary dies, Node ends the workers.
 */

/** @import { Socket } from 'node:net' */
/** @import { Worker } from 'node:cluster' */
/** @import { Instance as Front } from './front.js' */
/** @import { Options } from '../options.js' */

const cluster = /** @type {import('node:cluster').Cluster} */ (
  /** @type {unknown} */ (require('node:cluster'))
);
const { createError, nativeError, table } = require('../../errors.js');
const within = require('../within.js');
const seats = require('./seat.js');

/** A program gets this long to load, beside what its checks may take. */
const loadingMs = 10_000;
/** How much longer than its own deadline a worker may take to end, before it is killed. */
const killAfterMs = 2000;
/** One that ends sooner after it was ready is young: what ended it may end the next one too. */
const youngMs = 1000;
const slowestRespawnMs = 5000;

class Hand {
  /** @type {'starting' | 'ready' | 'leaving' | 'ended'} */
  state = 'starting';
  /** Whether it answered all that was under way when it left. */
  answered = true;
  readyAt = Number.POSITIVE_INFINITY;
  /** @type {(() => void) | undefined} hears that nothing is under way */
  drained;

  /**
   * @param {Worker} worker
   * @param {number} generation
   */
  constructor(worker, generation) {
    this.worker = worker;
    this.generation = generation;
    this.ready = new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
    });
    this.ready.catch(() => {});
    this.ended = new Promise((resolve) => worker.once('exit', resolve));
  }

  /**
   * @param {object} message
   * @param {Socket} [socket]
   */
  send(message, socket) {
    if (!this.worker.isConnected()) return;
    // Where it cannot be sent, the worker is ending, and its exit tells the rest.
    this.worker.send(message, /** @type {any} */ (socket), { keepOpen: true }, () => {});
  }
}

/**
 * The error that a worker tells of.
 *
 * @param {any} message
 */
function toldError({ code, text }) {
  return Object.hasOwn(table, String(code))
    ? nativeError(code, String(text))
    : createError('FLOTILLA_ERR_WORKER_FAILED', [String(text)]);
}

class Crew {
  /** @type {Set<Hand>} */
  #hands = new Set();
  #wanted = 0;
  #generation = 0;
  #respawnMs = 0;
  /** @type {NodeJS.Timeout | undefined} */
  #respawnTimer;
  /** @type {Map<number, (report: any) => void>} */
  #questions = new Map();
  #ids = 0;

  /** @type {Front | undefined} */
  #front;
  #server = 0;

  /**
   * @param {Options} options
   * @param {(error: Error) => void} onError
   */
  constructor(options, onError) {
    this.options = options;
    this.onError = onError;
  }

  /** @param {Hand['state'][]} states */
  #of(...states) {
    return [...this.#hands].filter(({ state }) => states.includes(state));
  }

  /**
   * Starts a generation of workers beside those that are there, and resolves when all of it is ready. If one fails,
   * all of it is ended again, and nothing has changed.
   *
   * @param {Front} front
   * @param {number} server the number of the server that they are for
   * @param {number} generation
   */
  async raise(front, server, generation) {
    this.#front = front;
    this.#server = server;
    const raised = [];
    try {
      for (let index = 0; index < this.options.workers; index++) raised.push(this.#fork(generation));
      await Promise.all(raised.map((hand) => this.#untilReady(hand)));
    } catch (error) {
      await this.dismiss(raised, { move: false });
      throw error;
    }
    return raised;
  }

  /**
   * Gives the connections to the workers of a generation. The respawned will be of it too.
   *
   * @param {Hand[]} hands
   */
  engage(hands) {
    this.#wanted = hands.length;
    this.#generation = hands[0].generation;
    for (const hand of hands) if (hand.state === 'ready') this.#front?.add(hand);
    // One of them may have ended between its being ready and now.
    this.#fill();
  }

  /** @param {number} generation */
  #fork(generation) {
    const address = /** @type {any} */ (this.#front?.address());
    const seat = seats.environment({ server: this.#server, generation, address });
    const environment = { ...this.options.workerEnv, ...seat };
    const hand = new Hand(cluster.fork(environment), generation);
    this.#hands.add(hand);
    hand.worker.on('message', (message, socket) => this.#heed(hand, message, /** @type {any} */ (socket)));
    hand.worker.on('error', () => {});
    hand.worker.once('exit', (code, signal) => this.#ended(hand, signal ?? code));
    return hand;
  }

  /** @param {Hand} hand */
  #untilReady(hand) {
    const patience = loadingMs + this.options.readyTimeoutMs;
    return within(patience, hand.ready, () => {
      throw createError('FLOTILLA_ERR_WORKER_FAILED', [`it was not ready after ${patience} ms`]);
    });
  }

  /**
   * @param {Hand} hand
   * @param {any} message whatever a worker sends, and it may be anything
   * @param {Socket | undefined} socket
   */
  #heed(hand, message, socket) {
    const front = /** @type {Front} */ (this.#front);
    switch (message?.flotilla) {
      case 'want':
        return front.wanted(hand, message.id);
      case 'took':
        return front.took(hand, message.id);
      case 'moved':
        if (socket) front.accept(socket);
        return hand.send({ flotilla: 'next' });
      case 'ready':
        return this.#isReady(hand);
      case 'failed':
        return hand.settle?.reject(toldError(message));
      case 'error':
        return this.onError(toldError(message));
      case 'drained':
        return hand.drained?.();
      case 'left':
        hand.answered = message.answered === true;
        return;
      case 'health':
        return this.#questions.get(message.id)?.(message.report);
      case 'how is all':
        return this.#tellAll(hand, message.id);
    }
  }

  /** @param {Hand} hand */
  #isReady(hand) {
    // It was told before it could hear.
    if (hand.state === 'leaving') hand.send({ flotilla: 'leave', move: false });
    if (hand.state !== 'starting') return;
    hand.state = 'ready';
    hand.readyAt = performance.now();
    hand.settle?.resolve(undefined);
  }

  /**
   * @param {Hand} hand
   * @param {string | number} how
   */
  #ended(hand, how) {
    const { state } = hand;
    hand.state = 'ended';
    this.#hands.delete(hand);
    this.#front?.lost(hand);
    const error = createError('FLOTILLA_ERR_WORKER_FAILED', [`it ended (${how})`]);
    hand.settle?.reject(error);
    if (state !== 'ready') return;
    this.onError(error);
    if (performance.now() - hand.readyAt > youngMs) this.#respawnMs = 0;
    this.#fill();
  }

  /** Starts as many workers as are missing. */
  #fill() {
    const there = this.#of('starting', 'ready').filter(({ generation }) => generation === this.#generation);
    if (!this.options.respawnWorkers || there.length >= this.#wanted || this.#respawnTimer) return;
    this.#respawnTimer = setTimeout(() => {
      this.#respawnTimer = undefined;
      if (this.#wanted === 0) return;
      this.#respawn();
      this.#fill();
    }, this.#respawnMs);
    this.#respawnMs = Math.min(this.#respawnMs * 2 || 100, slowestRespawnMs);
  }

  #respawn() {
    const hand = this.#fork(this.#generation);
    this.#untilReady(hand).then(
      () => this.#wanted > 0 && hand.state === 'ready' && this.#front?.add(hand),
      async (error) => {
        this.onError(error);
        await this.dismiss([hand], { move: false });
        this.#fill();
      },
    );
  }

  /**
   * Ends all workers but these.
   *
   * @param {Hand[]} kept
   */
  replaceBy(kept) {
    return this.dismiss(
      [...this.#hands].filter((hand) => !kept.includes(hand)),
      { move: true },
    );
  }

  /** Ends all workers. Brings whether all that was under way was answered. */
  async end() {
    this.#wanted = 0;
    clearTimeout(this.#respawnTimer);
    this.#respawnTimer = undefined;
    return this.dismiss([...this.#hands], { move: false });
  }

  /**
   * @param {Hand[]} hands
   * @param {{ move: boolean }} how whether their connections go on with other workers
   */
  async dismiss(hands, { move }) {
    const { gracefulShutdownTimeoutMs } = this.options;
    const outcomes = hands.map(async (hand) => {
      if (hand.state === 'ended') return true;
      hand.state = 'leaving';
      // While it drains it still answers, with a refusal; only one whose connections move gets no more of them.
      if (move) this.#front?.remove(hand);
      hand.send({ flotilla: 'leave', move });
      await within(2 * gracefulShutdownTimeoutMs + killAfterMs, hand.ended, () => {
        hand.answered = false;
        hand.worker.process.kill('SIGKILL');
      });
      await hand.ended;
      return hand.answered;
    });
    return (await Promise.all(outcomes)).every((answered) => answered);
  }

  /** Lets all workers refuse new requests, and resolves when nothing is under way in any of them. */
  async drain() {
    const all = this.#of('ready').map((hand) => {
      const drained = /** @type {Promise<void>} */ (
        new Promise((resolve) => {
          hand.drained = resolve;
        })
      );
      hand.send({ flotilla: 'drain' });
      return Promise.race([drained, hand.ended]);
    });
    await Promise.all(all);
  }

  /** @param {object} message */
  tellAll(message) {
    for (const hand of this.#of('ready')) hand.send(message);
  }

  /** @returns {Promise<import('../../../index.js').HealthReport>} of all workers together */
  async health() {
    const ready = this.#of('ready', 'leaving').filter(({ generation }) => generation === this.#generation);
    const reports = await Promise.all(ready.map((hand) => this.#ask(hand)));
    return combined(reports, this.#wanted);
  }

  /** @param {Hand} hand */
  #ask(hand) {
    const id = ++this.#ids;
    const answer = new Promise((resolve) => this.#questions.set(id, resolve));
    hand.send({ flotilla: 'how are you', id });
    const patience = this.options.healthCheckTimeoutMs + 500;
    return within(patience, answer, () => undefined).finally(() => this.#questions.delete(id));
  }

  /**
   * @param {Hand} hand that was asked for the health of all
   * @param {unknown} id
   */
  async #tellAll(hand, id) {
    hand.send({ flotilla: 'all are', id, report: await this.health() });
  }
}

/**
 * @param {any[]} reports what workers said of themselves; nothing where one did not answer
 * @param {number} wanted
 */
function combined(reports, wanted) {
  const memory = /** @type {any} */ (process.memoryUsage());
  /** @type {Record<string, boolean>} */
  const checks = {};
  for (const report of reports) {
    for (const [name, outcome] of Object.entries(report?.checks ?? {})) {
      checks[name] = (checks[name] ?? true) && outcome === true;
    }
    for (const name of Object.keys(memory)) memory[name] += Number(report?.memory?.[name]) || 0;
  }
  // Only where it is not so: a worker that is missing, or so busy that it says nothing.
  if (reports.length < wanted || reports.includes(undefined)) checks.workers = false;
  const healthy = Object.values(checks).every((outcome) => outcome);
  return {
    status: /** @type {any} */ (healthy ? 'healthy' : 'unhealthy'),
    checks,
    uptime: process.uptime(),
    memory,
  };
}

module.exports = { Crew };
