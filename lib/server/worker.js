/**
 * `startServer` in a worker: the application listens on the worker's own port, reports how it is, and leaves when the
 * primary says so, with everything answered that was under way.
 *
 * If this process dies, the primary starts another. If the primary dies, Node ends this process.
 */

/** @import { ResolvedServerConfig, StartServerResult } from '../../index.js' */
/** @import { Seat } from './front.js' */

const within = require('../lifecycle/within.js');
const { adapt } = require('./app.js');
const { builtInStrategy, defaultLoadBalancer } = require('./load-balancers.js');
const { failed, tellPrimary } = require('./messages.js');
const { Reporter } = require('./reporter.js');
const { Traffic } = require('./traffic.js');

/** Strategies that look at what workers report are told at least this often. */
const freshMs = 500;
const ignored = /** @type {const} */ (['SIGINT', 'SIGTERM']);
const ignore = () => {};

/** @param {ResolvedServerConfig} config */
function reportEveryMs({ loadBalancer = defaultLoadBalancer, workerHeartbeatIntervalMs }) {
  const needed = builtInStrategy(loadBalancer)?.name;
  const indifferent = needed === 'roundRobin' || needed === 'leastConnections';
  return indifferent ? workerHeartbeatIntervalMs : Math.min(workerHeartbeatIntervalMs, freshMs);
}

class Worker {
  /** @type {import('./app.js').Served | undefined} */
  #served;
  /** @type {import('./traffic.js').Instance | undefined} */
  #traffic;
  /** @type {import('./reporter.js').Instance | undefined} */
  #reporter;
  /** @type {NodeJS.Timeout | undefined} */
  #beat;
  /** @type {Promise<boolean> | undefined} */
  #left;

  /**
   * @param {ResolvedServerConfig} config
   * @param {Seat} seat
   */
  constructor(config, seat) {
    this.config = config;
    this.seat = seat;
  }

  /**
   * @param {unknown} app
   * @returns {Promise<StartServerResult>}
   */
  async start(app) {
    const { host, port, workerIndex } = this.seat;
    // A terminal sends them to the whole group; workers end when their primary tells them to.
    if (this.config.installSignalHandlers) for (const signal of ignored) process.on(signal, ignore);
    try {
      const served = await adapt(app);
      this.#served = served;
      const traffic = served.server && new Traffic(served.server);
      this.#traffic = traffic;
      const workerPort = await served.listen(host, port);
      this.#reporter = new Reporter(() =>
        traffic ? { connections: traffic.connections, requests: traffic.requests } : { connections: 0 },
      );
      process.on('message', this.#heed);
      this.#report();
      tellPrimary({ type: 'flotilla:worker-ready', port: workerPort });
      this.#beat = setInterval(() => this.#report(), reportEveryMs(this.config)).unref();
      return { mode: 'worker', pid: process.pid, host, port: workerPort, workerIndex, workerPort };
    } catch (error) {
      tellPrimary(failed(error));
      throw error;
    }
  }

  #report() {
    if (this.#reporter) tellPrimary({ type: 'flotilla:heartbeat', stats: this.#reporter.take() });
  }

  #heed = (/** @type {any} */ message) => {
    if (message?.type === 'flotilla:leave') this.#end(message.lingerMs, message.withinMs);
  };

  /**
   * @param {number} lingerMs
   * @param {number} withinMs
   */
  async #end(lingerMs, withinMs) {
    const answered = await this.leave(lingerMs, withinMs);
    // It ends when the primary has heard how, or is not there to hear it.
    const end = () => process.exit(answered ? 0 : 1);
    if (!process.connected) end();
    process.send?.({ type: 'flotilla:left', answered }, undefined, {}, end);
  }

  /** Ends the service of this worker of its own accord; the process stays. */
  async stop() {
    tellPrimary({ type: 'flotilla:leaving' });
    await this.leave(0, this.config.gracefulShutdownTimeoutMs);
  }

  /**
   * Brings what is under way to its end, and closes the application.
   *
   * @param {number} lingerMs how long connections that are idle may stay
   * @param {number} withinMs
   * @returns {Promise<boolean>} whether everything was answered in time
   */
  leave(lingerMs, withinMs) {
    this.#left ??= this.#leave(lingerMs, withinMs);
    return this.#left;
  }

  /**
   * @param {number} lingerMs
   * @param {number} withinMs
   */
  async #leave(lingerMs, withinMs) {
    clearInterval(this.#beat);
    this.#reporter?.stop();
    const traffic = this.#traffic;
    const ending = traffic?.leave({ lingerMs, closes: true }) ?? Promise.resolve();
    const culprits = await within(withinMs, ending, () => traffic?.cut());
    if (culprits)
      this.config.logger.error(
        `flotilla: gave up after ${withinMs} ms, and cut what was under way: ${culprits}`,
      );
    const closing = Promise.resolve(this.#served?.close());
    await within(withinMs, closing, () =>
      this.config.logger.error('flotilla: the application did not close'),
    );
    return !culprits;
  }
}

module.exports = { Worker };
