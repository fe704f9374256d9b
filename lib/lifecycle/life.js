/** What a server of every kind has: its name, its options, its state, and who hears of it. */

/** @import { LifecycleEvents, ServerState } from '../../index.js' */
/** @import { Options } from './options.js' */

const { EventEmitter } = require('node:events');
const { debug } = require('../base/debug.js');

const tellDebug = debug('flotilla:lifecycle');

/** @typedef {Life} Instance */

/**
 * A server of any kind, as a fleet deals with it. Each step is taken when the one before it has ended.
 *
 * @typedef {Instance & {
 *   getPort(): number,
 *   culprit(): string,
 *   start(context: import('./context.js').AnyContext, fd?: number): Promise<void>,
 *   prepare(context: import('./context.js').AnyContext): Promise<void>,
 *   abandon(): Promise<void>,
 *   replace(): Promise<void>,
 *   drain(): void,
 *   drained(): Promise<void>,
 *   stop(): Promise<boolean>,
 *   waitForReady(): Promise<void>,
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
  }

  get started() {
    return this.state !== 'stopped';
  }

  /** Whether requests are wanted. */
  get wantsRequests() {
    return this.state === 'ready' || this.state === 'restarting';
  }

  /** Hears that a stop waits for the present step. */
  hasten() {}

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

module.exports = { Life };
