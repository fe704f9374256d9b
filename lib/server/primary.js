/**
 * `startServer` in the primary: a front that takes connections, a pool of workers that they go to, and word of both to
 * the logger and the telemetry.
 *
 * If this process dies, Node ends the workers, and the public address is free.
 */

/** @import { ResolvedServerConfig, StartServerResult } from '../../index.js' */
/** @import { Front, Seat } from './front.js' */

const { Turns } = require('../lifecycle/turns.js');
const signals = require('../lifecycle/signals.js');
const { takesSockets } = require('./app.js');
const { chooseFront } = require('./front.js');
const { Pool } = require('./pool.js');
const { environment } = require('./seat.js');
const { harmlessSink } = require('./telemetry.js');

const gaugesEveryMs = 1000;

/** @typedef {Primary} Instance */

class Primary {
  #turns = new Turns();
  #config;
  #front;
  #pool;
  #sink;
  /** @type {NodeJS.Timeout | undefined} */
  #gauges;
  /** What is listed for the signals of the process. */
  #listed;
  /** @type {Promise<boolean> | undefined} */
  #stopped;

  /**
   * @param {ResolvedServerConfig} config
   * @param {unknown} app what the workers serve
   */
  constructor(config, app) {
    const { logger } = config;
    this.#config = config;
    const sink = harmlessSink(config.telemetry, (error) =>
      logger.error('flotilla: the telemetry sink threw; the server goes on without it', error),
    );
    this.#sink = sink;
    /** @type {Front} */
    const front = chooseFront(
      {
        config,
        candidates: () => this.#pool.candidates(),
        count: (name, value) => sink.incrementCounter(name, value),
        record: (name, value) => sink.recordHistogram(name, value),
      },
      takesSockets(app),
    );
    this.#front = front;
    this.#pool = new Pool({
      config,
      front,
      workerEnv: (/** @type {Seat} */ seat) => environment(seat),
      events: {
        failed: (error) => logger.error('flotilla:', error),
        heard: (worker, { cpuPercent }) => sink.recordHistogram('cpu_percent', cpuPercent, { worker }),
        changed: () => this.#setGauges(),
      },
    });
    this.#listed = { stop: () => this.stop(), restart: () => this.restart(), logger };
  }

  #setGauges() {
    const candidates = this.#pool.candidates();
    const connections = candidates.reduce((sum, each) => sum + each.activeProxyConnections, 0);
    const healthy = candidates.filter((each) => each.healthy).length;
    this.#sink.setGauge('healthy_backends', healthy);
    this.#sink.setGauge('active_connections', connections);
  }

  /** @returns {Promise<StartServerResult>} */
  async start() {
    const { workers, installSignalHandlers, logger } = this.#config;
    const { host, port } = await this.#front.bind();
    try {
      await this.#pool.start();
    } catch (error) {
      await this.#front.close();
      this.#front.stop?.();
      throw error;
    }
    this.#front.open();
    this.#gauges = setInterval(() => this.#setGauges(), gaugesEveryMs).unref();
    if (installSignalHandlers) signals.enlist(this.#listed);
    logger.info(`flotilla: ${workers} workers serve ${host.startsWith('/') ? host : `${host}:${port}`}`);
    return { mode: 'primary', pid: process.pid, host, port, workers };
  }

  restart() {
    return this.#turns.take(() => this.#pool.restart());
  }

  /** @returns {Promise<boolean>} whether everything that was under way was answered */
  stop() {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop() {
    clearInterval(this.#gauges);
    await this.#front.close();
    const answered = await this.#pool.stop();
    this.#front.stop?.();
    signals.delist(this.#listed);
    return answered;
  }
}

module.exports = { Primary };
