/**
 * A front that takes connections, a pool of workers that they go to, and word of both to the telemetry: what every server
 * of several processes has in its primary, whatever its workers serve.
 *
 * If this process dies, the workers die with it, and the public address is free.
 */

/** @import { ResolvedServerConfig } from '../../index.js' */
/** @import { Seat } from './front.js' */
/** @import { Customs, Events } from './crew.js' */

const { chooseFront } = require('./front.js');
const { Pool } = require('./pool.js');
const { harmlessSink } = require('./telemetry.js');

const gaugesEveryMs = 1000;

/** @typedef {Balance} Instance */

class Balance {
  /** The telemetry’s, which does not throw. */
  sink;
  /** @type {NodeJS.Timeout | undefined} */
  #gauges;

  /**
   * @param {ResolvedServerConfig} config
   * @param {object} options
   * @param {boolean} options.takesSockets whether what the workers serve is something that sockets can be given to
   * @param {number} [options.fd] a listening socket that was handed to this process
   * @param {(seat: Seat, generation: number) => Record<string, string>} options.workerEnv
   * @param {Omit<Events, 'heard'>} options.events
   * @param {Customs} options.customs
   * @param {(options: import('./front.js').FrontOptions) => import('./front.js').Front} [options.makeFront] in the place of
   *   the one that the configuration asks for
   */
  constructor(config, { takesSockets, fd, workerEnv, events, customs, makeFront }) {
    const sink = harmlessSink(config.telemetry, (error) =>
      config.logger.error('flotilla: the telemetry sink threw; the server goes on without it', error),
    );
    this.sink = sink;
    const hooks = {
      candidates: () => this.pool.candidates(),
      count: (/** @type {string} */ name, /** @type {number} */ value) => sink.incrementCounter(name, value),
      record: (/** @type {string} */ name, /** @type {number} */ value) => sink.recordHistogram(name, value),
    };
    const frontOptions = { config, fd, ...hooks };
    this.front = makeFront ? makeFront(frontOptions) : chooseFront(frontOptions, takesSockets);
    /** @type {InstanceType<typeof Pool>} */
    this.pool = new Pool({
      config,
      front: this.front,
      workerEnv,
      events: {
        ...events,
        heard: (worker, { cpuPercent }) => sink.recordHistogram('cpu_percent', cpuPercent, { worker }),
        changed: () => {
          this.#setGauges();
          events.changed();
        },
      },
      customs,
    });
  }

  #setGauges() {
    const candidates = this.pool.candidates();
    const connections = candidates.reduce((sum, each) => sum + each.activeProxyConnections, 0);
    const healthy = candidates.filter((each) => each.healthy).length;
    this.sink.setGauge('healthy_backends', healthy);
    this.sink.setGauge('active_connections', connections);
  }

  /** Begins to accept: there is a worker that connections can go to. */
  open() {
    this.front.open();
    this.#gauges = setInterval(() => this.#setGauges(), gaugesEveryMs).unref();
  }

  /** Stops accepting. */
  async close() {
    clearInterval(this.#gauges);
    await this.front.close();
  }

  /** Ends the front, when all workers have ended: connections that none has taken are closed. */
  end() {
    this.front.stop?.();
  }
}

module.exports = { Balance };
