/**
 * One or several servers over one context, as one thing that starts, restarts and stops: all of them or none.
 *
 * Calls that overlap have their turns one after the other. A stop does not wait for ever for its turn: if what is
 * before it does not end in time, the stop fails and names it.
 */

/** @import { AnyContext } from './context.js' */
/** @import { AnyService as Service } from './life.js' */

const { setImmediate: nextTurn } = require('node:timers/promises');
const { channels } = require('../base/channels.js');
const { createError } = require('../errors.js');
const { freshContext, retire, usableContext } = require('./context.js');
const signals = require('./signals.js');
const systemd = require('./systemd.js');
const { Turns } = require('../base/turns.js');
const within = require('../base/within.js');

/** @param {PromiseSettledResult<unknown>[]} results */
function throwFirst(results) {
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

/** @typedef {Fleet} Instance */

/**
 * How long a start or a restart takes at most, before whoever wants to stop stops waiting for it.
 *
 * @param {import('./options.js').Options} options
 */
function longestStep({ readyTimeoutMs, gracefulShutdownTimeoutMs }) {
  return readyTimeoutMs + 2 * gracefulShutdownTimeoutMs;
}

/**
 * @param {Service[]} services
 * @param {number} generation
 * @returns {(error?: unknown) => void} tells how it has ended, and throws what it is given
 */
function tellRestart(services, generation) {
  const about = { servers: services.map(({ name }) => name), generation };
  const began = performance.now();
  if (channels.restartStart.hasSubscribers) channels.restartStart.publish(about);
  return (error) => {
    const ended = { ...about, durationMs: performance.now() - began, ...(error !== undefined && { error }) };
    if (channels.restartEnd.hasSubscribers) channels.restartEnd.publish(ended);
    if (error !== undefined) throw error;
  };
}

class Fleet {
  #turns = new Turns();
  #context;
  #services;
  /** @type {import('./signals.js').Listed} */
  #listed;

  /**
   * @param {AnyContext} context
   * @param {Service[]} services
   */
  constructor(context, services) {
    this.#context = context;
    this.#services = services;
    for (const service of services) service.requestRestart = () => this.restart([service]);
    this.#listed = {
      stop: () => this.stop(this.#services),
      restart: () => this.restart(this.#services),
      leave: () => {
        for (const service of this.#services) service.leave();
      },
      logger: services[0].options.logger,
    };
  }

  /**
   * Signals are this fleet's while one of its servers wants them and is not stopped.
   *
   * @param {Service[]} [starting] those that are about to start
   */
  #heedSignals(starting = []) {
    const wants = (/** @type {Service} */ service) =>
      service.options.installSignalHandlers && (service.started || starting.includes(service));
    if (this.#services.some(wants)) signals.enlist(this.#listed);
    else signals.delist(this.#listed);
  }

  get #supervised() {
    return this.#services.some(({ options }) => options.systemd);
  }

  /**
   * A supervisor hears of the whole: what happens to some of the servers alone does not concern it.
   *
   * @param {() => void} tell
   * @param {Service[]} [services] all that it is about
   */
  #tellSupervisor(tell, services = this.#services.filter(({ started }) => started)) {
    if (this.#supervised && services.length === this.#services.length) tell();
  }

  /** @param {Service[]} services those of this fleet that are meant */
  start(services) {
    return this.#turns.take(async () => {
      if (services.some(({ started }) => started)) throw createError('FLOTILLA_ERR_SERVER_STARTED');
      await this.#start(services);
    });
  }

  /** @param {Service[]} services */
  async #start(services) {
    this.#context = usableContext(this.#context);
    const sockets = this.#supervised ? systemd.takeSockets(services.map(({ name }) => name)) : [];
    this.#heedSignals(services);
    const starts = services.map((service, index) => service.start(this.#context, sockets[index]));
    const results = await Promise.allSettled(starts);
    try {
      if (results.some(({ status }) => status === 'rejected')) await this.#stop(services);
      throwFirst(results);
    } finally {
      this.#heedSignals();
    }
    this.#tellSupervisor(systemd.ready);
  }

  /** @param {Service[]} services */
  async stop(services) {
    let begun = () => {};
    const turn = /** @type {Promise<void>} */ (
      new Promise((resolve) => {
        begun = resolve;
      })
    );
    const stopped = this.#turns.take(() => {
      begun();
      return this.#stop(services);
    });
    // Whoever waits learns of it from the promise that is returned; here nobody may be listening yet.
    stopped.catch(() => {});
    for (const service of services) service.hasten();
    const patience = Math.max(...services.map(({ options }) => longestStep(options)));
    await within(patience, turn, () => {
      throw createError('FLOTILLA_ERR_SHUTDOWN_TIMEOUT', [`${patience}`, services[0].culprit()]);
    });
    return stopped;
  }

  /** @param {Service[]} services */
  async #stop(services) {
    const others = this.#services.filter((service) => !services.includes(service));
    const last = services.some(({ started }) => started) && !others.some(({ started }) => started);
    if (last) this.#tellSupervisor(systemd.stopping, this.#services);
    const results = await Promise.allSettled(services.map((service) => service.stop()));
    if (last) retire(this.#context);
    this.#heedSignals();
    throwFirst(results);
    return results.every((result) => result.status === 'fulfilled' && result.value);
  }

  /** @param {Service[]} services */
  restart(services) {
    return this.#turns.take(async () => {
      const started = services.filter((service) => service.started);
      // As the document has it, a restart stops and starts: a server that is stopped it only starts.
      if (started.length === 0) return this.#start(services);
      this.#tellSupervisor(systemd.reloading);
      const tellEnd = tellRestart(started, this.#context.generation + 1);
      try {
        await this.#restart(started).then(tellEnd, tellEnd);
      } finally {
        // Also after a restart that failed: the old generation serves on.
        this.#tellSupervisor(systemd.ready);
      }
    });
  }

  /** @param {Service[]} services */
  async #restart(services) {
    const fresh = freshContext(this.#context);
    const results = await Promise.allSettled(services.map((service) => service.prepare(fresh)));
    try {
      throwFirst(results);
      // Two turns, so that this process has heard of every worker that has died by now.
      for (let turn = 0; turn < 2; turn++) await nextTurn();
      for (const service of services) service.confirm();
    } catch (error) {
      await Promise.all(services.map((service) => service.abandon()));
      throw error;
    }
    this.#context = fresh;
    await Promise.all(services.map((service) => service.replace()));
  }

  /**
   * Does something else with what is started, in its turn.
   *
   * @template T
   * @param {() => Promise<T>} change
   * @returns {Promise<T>}
   */
  alter(change) {
    return this.#turns.take(async () => {
      if (!this.#services.some(({ started }) => started))
        throw createError('FLOTILLA_ERR_SERVER_NOT_STARTED', ['this']);
      return change();
    });
  }

  /** @param {Service[]} services */
  async drain(services) {
    // The turn is for beginning to drain; waiting in it would keep a stop from ever cutting what does not end.
    await this.#turns.take(async () => {
      for (const service of services) service.drain();
    });
    await Promise.all(services.map((service) => service.drained()));
  }
}

module.exports = { Fleet };
