/**
 * How one server is shown: its meters, what has happened to it and its workers since it began, and its place at the admin
 * port, if it has one.
 */

/** @import { Instance as Life } from './life.js' */

const { isIP } = require('node:net');
const path = require('node:path');
const { later } = require('../base/loading.js');
const { Meters } = require('../cluster/meters.js');

/** Most servers have no admin port. */
const admin = later(() => require('./admin.js'));

/** What JavaScript of the primary knows of a process. @typedef {{ id: string, seat: number, pid: number | undefined, state: string, generation: number }} Member */
/**
 * @typedef {object} Members
 * @property {() => Member[]} workers
 * @property {() => Member} [primary] where that is a process of its own
 * @property {() => number} generation
 * @property {() => string} address
 * @property {() => Promise<import('../../index.js').HealthReport>} report
 * @property {import('./admin.js').Shown['actions']} actions
 * @property {import('./admin.js').Shown['front']} [front]
 */

/** What was last asked for. @typedef {{ name: string, at: number, outcome: string, error?: string }} Action */
/** @typedef {Showing} Instance */

class Showing {
  /** @type {InstanceType<typeof Meters> | undefined} */
  #meters;
  #life;
  /** How many processes have ended, by why. @type {Record<string, number>} */
  #ends = {};
  #restarts = { succeeded: 0, failed: 0 };
  /** @type {Action | undefined} */
  #lastAction;
  /** @type {Awaited<ReturnType<typeof import('./admin.js').showServer>> | undefined} */
  #shown;

  /** @param {Life} life the server */
  constructor(life) {
    this.#life = life;
    life.changed = () => this.tell();
  }

  /** Made when they are first asked for: the memory stays mapped from then on. */
  get meters() {
    this.#meters ??= new Meters();
    return this.#meters;
  }

  /** Where it is shown; nothing where it is not. */
  get url() {
    return this.#shown?.url;
  }

  /** @param {Members} members */
  async open(members) {
    const { admin: options, logger, healthCheckTimeoutMs } = this.#life.options;
    if (!options) return;
    if (process.platform !== 'linux' || !this.meters.areShared) {
      const where = 'on Linux alone, where the system lets processes share memory';
      logger.warn(`flotilla: figures are shown ${where}; the server goes on without its admin port`);
      return;
    }
    this.#shown = await admin().showServer(options, {
      name: this.#life.name || 'server',
      facts: () => this.#facts(members),
      report: members.report,
      actions: this.#noting(members.actions),
      meters: this.meters.native,
      front: members.front,
      logger,
      patienceMs: healthCheckTimeoutMs,
    });
  }

  /** @param {Members} members */
  #facts({ workers, primary, generation, address }) {
    return {
      name: this.#life.name || 'server',
      state: this.#life.state,
      ready: this.#life.wantsRequests,
      generation: generation(),
      address: address(),
      ...(primary && { primary: primary() }),
      workers: workers(),
      ends: this.#ends,
      restarts: this.#restarts,
      lastAction: this.#lastAction ?? null,
    };
  }

  /** @param {Members['actions']} actions @returns {Members['actions']} the same, and what becomes of them is told */
  #noting(actions) {
    const noted = Object.entries(actions).map(([name, act]) => {
      const noting = (/** @type {any} */ given) => {
        const done = act(given);
        /** @type {Action} */
        const action = { name, at: Date.now(), outcome: 'running' };
        this.#lastAction = action;
        return done.then(
          () => {
            action.outcome = 'done';
          },
          (/** @type {Error} */ error) => {
            action.outcome = 'failed';
            action.error = error.message;
            throw error;
          },
        );
      };
      return [name, noting];
    });
    return Object.fromEntries(noted);
  }

  /** @param {string} why a process has ended */
  countEnd(why) {
    this.#ends[why] = (this.#ends[why] ?? 0) + 1;
    this.tell();
  }

  /** @param {'succeeded' | 'failed'} outcome */
  countRestart(outcome) {
    this.#restarts[outcome] += 1;
  }

  /** What there is to show has changed. */
  tell() {
    this.#shown?.tell();
  }

  close() {
    this.#shown?.close();
    this.#shown = undefined;
  }
}

/** @param {{ host: string, port: number }} address an absolute path is a Unix socket */
function addressOf({ host, port }) {
  if (path.isAbsolute(host)) return host;
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

module.exports = { Showing, addressOf };
