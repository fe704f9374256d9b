/**
 * `startServer` in a worker: the application listens on the worker's own port, reports how it is, and leaves when the
 * primary says so, with everything answered that was under way.
 *
 * If this process dies, the primary starts another. If the primary dies, Node ends this process.
 */

/** @import { ResolvedServerConfig, StartServerResult } from '../../index.js' */
/** @import { Seat } from '../cluster/front.js' */

const within = require('../base/within.js');
const { adapt } = require('../http/app.js');
const { failed, tellPrimary } = require('../cluster/messages.js');
const { NativeBack } = require('../cluster/back.js');
const { Reporter, reportEveryMs } = require('../cluster/reporter.js');
const { door } = require('../cluster/server-seat.js');
const { Reception } = require('../http/reception.js');

const ignored = /** @type {const} */ (['SIGINT', 'SIGTERM']);
const ignore = () => {};

/**
 * @typedef {object} Farewell
 * @property {number} withinMs when what is left is cut
 * @property {number} lingerMs how long connections that are idle may stay
 * @property {boolean} moves whether connections go on with other workers
 */

class Worker {
  /** @type {import('../http/app.js').Served | undefined} */
  #served;
  /** @type {import('../http/reception.js').Application | undefined} one that connections can be given to */
  #application;
  #reception = new Reception();
  /** @type {import('../cluster/reporter.js').Instance | undefined} */
  #reporter;
  /** @type {InstanceType<typeof NativeBack> | undefined} */
  #back;
  /** @type {NodeJS.Timeout | undefined} */
  #beat;
  /** @type {Promise<boolean> | undefined} */
  #left;

  /**
   * @param {ResolvedServerConfig} config
   * @param {Seat} seat
   * @param {unknown} app
   */
  constructor(config, seat, app) {
    this.config = config;
    this.seat = seat;
    this.app = app;
  }

  /** @returns {Promise<StartServerResult>} */
  async start() {
    const { host, port, workerIndex } = this.seat;
    // A terminal sends them to the whole group; workers end when their primary tells them to.
    if (this.config.installSignalHandlers) for (const signal of ignored) process.on(signal, ignore);
    try {
      const served = await adapt(this.app);
      this.#served = served;
      const { server } = served;
      const { table } = this.#reception;
      this.#application = server && { server };
      if (this.#application) this.#reception.admit(this.#application);
      const workerPort = await served.listen(host, port);
      if (door !== undefined && server) this.#receive(server, door);
      this.#reporter = new Reporter(() =>
        server ? { connections: table.size, requests: table.requests } : { connections: 0 },
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

  /**
   * Takes connections from the primary, beside those of its own port.
   *
   * @param {any} server one of Node's
   * @param {string} from
   */
  #receive(server, from) {
    this.#back = new NativeBack(this.#reception.table, { allowHalfOpen: this.config.allowHalfOpen });
    this.#back.attach(server, from);
  }

  #report() {
    if (this.#reporter) tellPrimary({ type: 'flotilla:heartbeat', stats: this.#reporter.take() });
  }

  #heed = (/** @type {any} */ message) => {
    if (message?.type === 'flotilla:leave') this.#end(message);
  };

  /** @param {Farewell} farewell */
  async #end(farewell) {
    const answered = await this.leave(farewell);
    // It ends when the primary has heard how, or is not there to hear it.
    const end = () => process.exit(answered ? 0 : 1);
    if (!process.connected) end();
    process.send?.({ type: 'flotilla:left', answered }, undefined, {}, end);
  }

  /** Ends the service of this worker of its own accord; the process stays. */
  async stop() {
    tellPrimary({ type: 'flotilla:leaving' });
    await this.leave({ withinMs: this.config.gracefulShutdownTimeoutMs, lingerMs: 0, moves: false });
  }

  /**
   * Brings what is under way to its end, and closes the application.
   *
   * @param {Farewell} farewell
   * @returns {Promise<boolean>} whether everything was answered in time
   */
  leave(farewell) {
    this.#left ??= this.#leave(farewell);
    return this.#left;
  }

  /** @param {Farewell} farewell */
  async #leave({ withinMs, lingerMs, moves }) {
    clearInterval(this.#beat);
    this.#reporter?.stop();
    const application = this.#application;
    const reception = this.#reception;
    reception.part({ lingerMs, moves });
    if (moves) this.#back?.drain({ deadline: Date.now() + withinMs });
    const culprits = await within(
      withinMs,
      reception.empty(),
      () => application && reception.cut(application),
    );
    await reception.closeAll();
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
