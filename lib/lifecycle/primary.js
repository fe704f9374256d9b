/**
 * `startServer` in the primary: a balance over workers that serve the application, and the signals of the process.
 */

/** @import { ResolvedServerConfig, StartServerResult } from '../../index.js' */

const { Turns } = require('../base/turns.js');
const signals = require('./signals.js');
const { takesSockets } = require('../http/app.js');
const { Balance } = require('../cluster/balance.js');
const { environment } = require('../cluster/server-seat.js');

/** @typedef {Primary} Instance */

class Primary {
  #turns = new Turns();
  #config;
  #balance;
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
    this.#balance = new Balance(config, {
      takesSockets: takesSockets(app),
      workerEnv: (seat) => environment(seat),
      events: { failed: (error) => logger.error('flotilla:', error) },
    });
    this.#listed = { stop: () => this.stop(), restart: () => this.restart(), logger };
  }

  /** @returns {Promise<StartServerResult>} */
  async start() {
    const { workers, installSignalHandlers, logger } = this.#config;
    const { front, pool } = this.#balance;
    const { host, port } = await front.bind();
    try {
      await pool.start();
    } catch (error) {
      await this.#balance.close();
      this.#balance.end();
      throw error;
    }
    this.#balance.open();
    if (installSignalHandlers) signals.enlist(this.#listed);
    logger.info(`flotilla: ${workers} workers serve ${host.startsWith('/') ? host : `${host}:${port}`}`);
    return { mode: 'primary', pid: process.pid, host, port, workers };
  }

  restart() {
    return this.#turns.take(() => this.#balance.pool.restart());
  }

  /** @returns {Promise<boolean>} whether everything that was under way was answered */
  stop() {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop() {
    await this.#balance.close();
    const answered = await this.#balance.pool.stop();
    this.#balance.end();
    signals.delist(this.#listed);
    return answered;
  }
}

module.exports = { Primary };
