/**
 * The keeper of a machine: one process that hears from the server which entries have changed, and removes those from the
 * memory that all processes share. Each removal makes the flight of its key void, too.
 *
 * Whatever may have been missed is removed whole: when a connection begins, after the server is asked to tell, and when the
 * server was emptied. So nothing of before is taken for verified.
 */

/** @import { Client } from './client.js' */
/** @import { Hearing } from './hearing.js' */
/** @import { Debt, Space, State } from './notes.js' */

const { randomUUID } = require('node:crypto');
const { setTimeout: pause } = require('node:timers/promises');
const within = require('../base/within.js');
const { optionsIn } = require('../cache/options.js');
const { hear } = require('./hearing.js');
const { inParts } = require('./in-parts.js');
const { machineTime } = require('./machine-time.js');
const { Names } = require('./names.js');
const { empty } = require('./scan.js');

const BETWEEN_TRIES = 100;

/** What is said when changes cannot be heard of. @param {string} why */
const unheard = (why) =>
  `Changes in Redis are not heard of: ${why}. Memory keeps what it has for its own ttl, and it is tried again. ` +
  'Hearing of them takes a server of version 6 or later, and a user with the right to CLIENT TRACKING.';

class Keeper {
  #client;
  #call;
  #calls;
  #kept;
  #notes;
  #makeCache;
  #warn;
  #pingInterval;
  #timeout;
  /** @type {Map<string, { names: InstanceType<typeof Names>, cache: any }>} */
  #places = new Map();
  /** @type {State} */
  #state;
  #endSession = () => {};

  /**
   * @param {{ client: Client, call: Client['call'], calls: () => Promise<Client['call'][]>, kept: { invalidations: number, epochs: number }, notes: InstanceType<typeof import('./notes.js').Notes>, makeCache: (options: any) => any, warn: (about: string, message: string) => void, pingInterval: number, timeout: number }} given
   */
  constructor({ client, call, calls, kept, notes, makeCache, warn, pingInterval, timeout }) {
    this.#client = client;
    this.#call = call;
    this.#calls = calls;
    this.#kept = kept;
    this.#notes = notes;
    this.#makeCache = makeCache;
    this.#warn = warn;
    this.#pingInterval = pingInterval;
    this.#timeout = timeout;
    const keeper = randomUUID();
    this.#state = { keeper, epoch: 0, beat: 0, isUp: false, isTold: true, prefixes: [], invalidations: 0 };
  }

  /** @param {AbortSignal} signal when another one keeps */
  async keep(signal) {
    const before = await this.#notes.state();
    this.#state.epoch = before?.epoch ?? 0;
    this.#state.invalidations = before?.invalidations ?? 0;
    await this.#notes.begin({ ...this.#state });
    while (!signal.aborted) {
      await this.#session(signal).catch(({ message }) => {
        // A client that its user has ended is no trouble.
        if (this.#client.isConnected()) this.#warnUnheard(message);
      });
      await this.#say({ isUp: false });
      if (!signal.aborted) await pause(BETWEEN_TRIES, undefined, { ref: false });
    }
  }

  /** Whoever has noticed it, it is said once. @param {string} why */
  #warnUnheard(why) {
    this.#warn('unheard', unheard(why));
  }

  /** @param {Partial<State>} news */
  #say(news) {
    Object.assign(this.#state, news);
    this.#state.beat++;
    return this.#notes.tell({ ...this.#state });
  }

  /** One connection, until it is lost. @param {AbortSignal} signal */
  async #session(signal) {
    const ended = new AbortController();
    let isRung = true;
    let wake = () => {};
    const end = () => {
      ended.abort();
      wake();
    };
    const rung = () => {
      isRung = true;
      wake();
    };
    this.#endSession = end;
    signal.addEventListener('abort', end);
    void this.#notes.whenRung(rung, ended.signal);
    /** @type {Hearing | undefined} */
    let hearing;
    try {
      while (!ended.signal.aborted) {
        if (isRung) {
          isRung = false;
          hearing = await this.#hearMore(hearing);
        }
        const debts = await this.#notes.debts();
        if (hearing !== undefined) await this.#answers(hearing);
        const clock = await this.#clock();
        if (ended.signal.aborted) return;
        // Whatever was sent before these were owed, a server that has answered since has done.
        await this.#pay(debts);
        const { isTold = true, prefixes = [] } = hearing ?? {};
        await this.#say({ isUp: hearing !== undefined, isTold, prefixes, clock });
        const news = /** @type {Promise<void>} */ (
          new Promise((resolve) => {
            wake = resolve;
          })
        );
        if (!isRung && !ended.signal.aborted) {
          await Promise.race([news, pause(this.#pingInterval, undefined, { ref: false })]);
        }
      }
    } finally {
      signal.removeEventListener('abort', end);
      end();
      hearing?.close();
    }
  }

  /** @param {Hearing} hearing */
  async #answers(hearing) {
    const lost = hearing.lost.then(() => {
      throw new Error('the connection is lost');
    });
    await within(this.#timeout, Promise.race([hearing.ping(), lost]), () => {
      throw new Error(`the connection does not answer within ${this.#timeout} ms`);
    });
  }

  /** How far the server's clock is ahead of the machine's: at most so far as it takes to answer. Nodes of a cluster have one each. */
  async #clock() {
    if (this.#client.isCluster) return undefined;
    const asked = machineTime();
    const [seconds, microseconds] = await this.#call(['TIME']);
    return Number(seconds) * 1000 + Number(microseconds) / 1000 - asked;
  }

  /**
   * Hears of all prefixes that are enlisted by now. The connection before goes on until the new one hears, so that nothing
   * is missed in between.
   *
   * @param {Hearing | undefined} before
   * @returns {Promise<Hearing | undefined>}
   */
  async #hearMore(before) {
    const spaces = await this.#notes.spaces();
    const prefixes = spaces.map(({ prefix }) => prefix);
    const added = spaces.filter(({ prefix }) => !before?.prefixes.includes(prefix));
    if (added.length === 0) return before;
    for (const space of added) this.#place(space);
    const heard = (/** @type {Buffer[] | null} */ names) => void this.#heard(names);
    const untold = (/** @type {Error} */ { message }) => this.#warnUnheard(message);
    const hearing = await hear(this.#client, prefixes, heard, untold, this.#timeout);
    hearing.lost.then(() => {
      if (!hearing.isReplaced) this.#endSession();
    });
    await Promise.all(added.map(({ prefix }) => this.#places.get(prefix)?.cache.clear()));
    if (before === undefined) {
      this.#state.epoch++;
      this.#kept.epochs++;
    } else {
      before.isReplaced = true;
      before.close();
    }
    return hearing;
  }

  /** @param {Space} space */
  #place({ prefix, base, namespace, options }) {
    if (this.#places.has(prefix)) return;
    const cache = this.#makeCache(optionsIn(options));
    this.#places.set(prefix, { names: new Names(base, namespace, this.#client.isCluster), cache });
  }

  /** @param {Buffer[] | null} changed */
  async #heard(changed) {
    const places = [...this.#places.values()];
    try {
      if (changed === null) {
        this.#count(1);
        await Promise.all(places.map(({ cache }) => cache.clear()));
        return;
      }
      this.#count(changed.length);
      await Promise.all(changed.map((name) => this.#remove(places, name.toString())));
    } catch (error) {
      // What could not be removed is not verified any more: the connection begins anew, and removes all.
      const { message } = /** @type {Error} */ (error);
      this.#warn(
        'removal',
        `What has changed in Redis could not be removed from memory: ${message}. All of it is removed in its place.`,
      );
      this.#endSession();
    }
  }

  /** @param {number} heard */
  #count(heard) {
    this.#state.invalidations += heard;
    this.#kept.invalidations += heard;
  }

  /** @param {{ names: InstanceType<typeof Names>, cache: any }[]} places @param {string} name */
  async #remove(places, name) {
    for (const { names, cache } of places) {
      const said = names.read(name);
      if (said === undefined) continue;
      if ('key' in said) await cache.delete(said.key);
      else if ('tag' in said) await cache.invalidateTags([said.tag]);
      else await cache.clear();
    }
  }

  /** @param {Debt[]} debts */
  async #pay(debts) {
    await inParts(debts, async (debt) => {
      await (debt.isAll
        ? empty(this.#calls, debt.name, this.#client.isCluster)
        : this.#call(['DEL', debt.name]));
      await this.#notes.settle(debt);
    });
  }
}

module.exports = { Keeper };
