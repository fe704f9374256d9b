/** What a server of every kind has: its name, its options, its state, and who hears of it. */

/** @import { LifecycleEvents, ServerState } from '../../index.js' */
/** @import { Options } from './options.js' */

const { EventEmitter } = require('node:events');
const { setTimeout: pause } = require('node:timers/promises');
const { debug } = require('../base/debug.js');
const within = require('../base/within.js');
const { createError } = require('../errors.js');

const tellDebug = debug('flotilla:lifecycle');

/** How soon it is looked again whether all is well. */
const POLL_MS = 100;

/** @typedef {Life} Instance */

/**
 * A server of any kind, as a fleet deals with it. Each step is taken when the one before it has ended.
 *
 * @typedef {Instance & {
 *   getPort(): number,
 *   culprit(): string,
 *   start(context: import('./context.js').AnyContext, fd?: number): Promise<void>,
 *   prepare(context: import('./context.js').AnyContext): Promise<void>,
 *   confirm(): void,
 *   abandon(): Promise<void>,
 *   replace(): Promise<void>,
 *   drain(): void,
 *   drained(): Promise<void>,
 *   stop(): Promise<boolean>,
 * }} AnyService
 */

class Life {
  events = new EventEmitter();
  /** @type {ServerState} */
  #state = 'stopped';

  /**
   * @param {Options} options
   * @param {string} [name] among the servers of one fleet
   */
  constructor(options, name = '') {
    this.name = name;
    this.options = options;
  }

  get state() {
    return this.#state;
  }

  set state(state) {
    tellDebug?.(this.name || 'server', this.#state, '→', state);
    this.#state = state;
    this.changed();
  }

  /** Restarts it, in its turn: whoever makes a fleet of servers says how. */
  async requestRestart() {}

  /** Whoever shows how this server does sets this: what there is to show has changed. */
  changed() {}

  get started() {
    return this.state !== 'stopped';
  }

  /** Whether requests are wanted. */
  get wantsRequests() {
    return this.state === 'ready' || this.state === 'restarting';
  }

  /** Throws if what a restart has prepared has not lasted until all is prepared. */
  confirm() {}

  /**
   * Resolves when the server is ready and its checks are well.
   *
   * @returns {Promise<void>}
   */
  async waitForReady() {
    const end = performance.now() + this.options.readyTimeoutMs;
    for (;;) {
      const left = Math.max(end - performance.now(), 0);
      if (this.wantsRequests && (await within(left, this.isWell(), () => false))) return;
      if (performance.now() >= end) throw await this.notReady();
      await pause(Math.min(POLL_MS, left));
    }
  }

  /** Whether all checks pass. */
  async isWell() {
    return true;
  }

  /** The error for one that is not ready in time. */
  async notReady() {
    return createError('FLOTILLA_ERR_SERVER_NOT_READY');
  }

  /** Ends this process, where it is a worker, and no other. */
  leave() {}

  /** Hears that a stop waits for the present step. */
  hasten() {}

  /**
   * One line of the log about what has become of this server.
   *
   * @param {string} text
   * @param {string} [name]
   */
  log(text, name = this.name) {
    this.options.logger.info(`flotilla: ${name && `${name}: `}${text}`);
  }

  /** @param {boolean} answered */
  logStop(answered) {
    this.log(
      `stopped; ${answered ? 'all that was under way was answered' : 'what did not end in time was cut'}`,
    );
  }

  /**
   * @param {keyof LifecycleEvents} name
   * @param {unknown[]} args
   */
  tell(name, ...args) {
    if (name === 'error' && this.events.listenerCount('error') === 0) {
      this.options.logger.error('flotilla:', ...args);
      return;
    }
    try {
      this.events.emit(name, ...args);
    } catch (cause) {
      process.emitWarning(new Error(`A listener of the server's "${name}" event threw`, { cause }));
    }
  }
}

module.exports = { Life, POLL_MS };
