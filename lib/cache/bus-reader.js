/**
 * A reader of a bus: it goes from its own offset to the last one. Where a batch is gone before the reader came to it, the reader
 * counts its messages as missed, and says so.
 *
 * With nothing to read it sleeps on a flight of its own, which bears a tag; to publish ends with the invalidation of that tag, which
 * voids the flights of all who sleep and so wakes them. The flight is claimed before the reader looks for the last time, so no message
 * slips in between. A publisher that is killed just before it wakes the readers leaves them to the end of their flight’s time, a
 * quarter of a second.
 */

/** @import { Found, Last } from './bus-batches.js' */

const { setImmediate: turn, setTimeout: pause } = require('node:timers/promises');
const { threadId } = require('node:worker_threads');
const { AT_ONCE, offsetOf, unpack, WAKE } = require('./bus-batches.js');

/** How long a reader sleeps at most. */
const LONGEST_SLEEP = 250;
/** After a cache was locked by a stopped process. */
const BETWEEN_TRIES = 50;

/**
 * What a reader reads from.
 *
 * @typedef {object} Source
 * @property {{ peek: (offset: string) => Promise<any> }} ring
 * @property {{ fetch: (key: string, fetcher: any, how: any) => Promise<any> }} sleepers
 * @property {() => Promise<Last>} last
 * @property {(epoch: string, at: number) => number} ownUpTo up to which message all came by the same instance, if this one did; or 0
 */

/** Ends the sleep of a reader. It is nobody's mistake. */
class Awake extends Error {
  name = Awake.name;
}

let readers = 0;

class Reader {
  #bus;
  #max;
  #listener;
  #onMissed;
  /** @type {[epoch: string, number: number]} what was read last */
  #at;
  #name = `${process.pid} ${threadId} ${readers++}`;
  #stopped = false;
  #skipsOwn;
  #stop = () => {};

  /**
   * @param {Source} bus
   * @param {(message: any, offset: string) => any} listener
   * @param {(count: number) => any} onMissed
   * @param {[epoch: string, number: number]} at
   * @param {number} max how many messages the ring holds
   * @param {() => boolean} [skips] whether what came by the same instance is left out
   */
  constructor(bus, listener, onMissed, at, max, skips = () => false) {
    this.#skipsOwn = skips;
    this.#bus = bus;
    this.#max = max;
    this.#listener = listener;
    this.#onMissed = onMissed;
    this.#at = at;
  }

  stop() {
    this.#stopped = true;
    this.#stop();
  }

  async run() {
    const fetcher = (/** @type {any} */ _key, /** @type {{ signal: AbortSignal }} */ { signal }) =>
      this.#sleep(signal);
    while (!this.#stopped) {
      try {
        // Nobody has to wake a reader that finds something.
        while (!this.#stopped && (await this.read()));
        const how = { forceRefresh: true, lease: LONGEST_SLEEP, tags: WAKE };
        await this.#bus.sleepers.fetch(this.#name, fetcher, how);
      } catch (error) {
        // From another process it comes back with its name, and no class.
        if (/** @type {Error} */ (error)?.name !== Awake.name) await this.#goOn(error);
      }
    }
  }

  /** @param {any} error */
  async #goOn(error) {
    // A cache may be locked for a while, or the primary slow: the messages are still there afterwards.
    if (error?.message === 'IPC timeout') return undefined;
    if (error?.retryCanHelp) return pause(BETWEEN_TRIES, undefined, { ref: false });
    this.#stopped = true;
    throw error;
  }

  /** Leads a flight, and brings nothing. @param {AbortSignal} signal @returns {Promise<never>} */
  async #sleep(signal) {
    const woken = new Promise((resolve) => {
      this.#stop = () => resolve(undefined);
      signal.addEventListener('abort', this.#stop);
    });
    const found = await this.read();
    if (!found && !this.#stopped) await woken;
    throw new Awake();
  }

  /** Gives out what there is up to the last message. @returns {Promise<boolean>} whether there was any */
  async read() {
    const last = await this.#bus.last();
    const [epoch, number] = last;
    if (epoch !== this.#at[0]) {
      // Who has read nothing yet, has missed nothing.
      if (this.#at[1] > 0) await this.#miss(Number.POSITIVE_INFINITY);
      this.#at = [epoch, 0];
    }
    if (number <= this.#at[1]) return false;
    await this.#readTo(last);
    return true;
  }

  /** @param {Last} last */
  async #readTo([epoch, number, count, batch]) {
    const last = { first: number - count + 1, batch };
    const from = Math.max(this.#at[1] + 1, number - this.#max + 1);
    let missed = from - this.#at[1] - 1;
    this.#at[1] = from - 1;
    let found = await this.#batchAround(epoch, from, last);
    while (this.#at[1] < number && !this.#stopped) {
      if (!this.#passesOwn(epoch)) {
        found ??= await this.#batchAt(epoch, this.#at[1] + 1, last);
        missed = await this.#giveNext(epoch, found, missed);
      }
      found = undefined;
    }
    if (missed > 0 && !this.#stopped) await this.#miss(missed);
  }

  /** @param {string} epoch @param {number} first @param {Found} last @returns {Promise<Found | undefined>} */
  async #batchAt(epoch, first, last) {
    if (first >= last.first) return last;
    const batch = await this.#bus.ring.peek(offsetOf(epoch, first));
    return batch === undefined ? undefined : { first, batch };
  }

  /**
   * The batch that a message is in, wherever in it: who goes on from an offset may begin within one.
   *
   * @param {string} epoch
   * @param {number} at
   * @param {Found} last
   * @returns {Promise<Found | undefined>}
   */
  async #batchAround(epoch, at, last) {
    for (let first = at; first > Math.max(0, at - AT_ONCE); first--) {
      const found = await this.#batchAt(epoch, first, last);
      if (found === last || found?.first === at) return found;
      if (found) return first + unpack(found.batch).length > at ? found : undefined;
    }
    return undefined;
  }

  /** What came by this instance, where that is to be left out. @param {string} epoch */
  #passesOwn(epoch) {
    if (!this.#skipsOwn()) return false;
    const own = this.#bus.ownUpTo(epoch, this.#at[1] + 1);
    if (own === 0) return false;
    this.#at[1] = own;
    return true;
  }

  /**
   * A batch, and before it how many are missing; or one more is.
   *
   * @param {string} epoch
   * @param {Found | undefined} found
   * @param {number} missed
   * @returns {Promise<number>} how many are missing then
   */
  async #giveNext(epoch, found, missed) {
    if (found === undefined) {
      this.#at[1]++;
      return missed + 1;
    }
    if (missed > 0) await this.#miss(missed);
    await this.#giveAll(epoch, found.first, unpack(found.batch));
    return 0;
  }

  /** Those of a batch that were not given yet. @param {string} epoch @param {number} first @param {any[]} messages */
  async #giveAll(epoch, first, messages) {
    for (const [index, message] of messages.entries()) {
      const at = first + index;
      if (at <= this.#at[1]) continue;
      if (this.#stopped) return;
      this.#at[1] = at;
      const under = this.#give(message, offsetOf(epoch, at));
      if (under !== undefined) await under;
    }
    if (messages.length === AT_ONCE) await turn();
  }

  /** @param {number} count */
  async #miss(count) {
    await this.#tell(() => this.#onMissed(count));
  }

  /** @param {any} message @param {string} offset @returns {Promise<void> | undefined} where it takes its time */
  #give(message, offset) {
    return this.#tell(() => this.#listener(message, offset));
  }

  /**
   * What a listener throws is the program's, as with every event; the messages after it still come.
   *
   * @param {() => any} call
   * @returns {Promise<void> | undefined}
   */
  #tell(call) {
    try {
      const under = call();
      return typeof under?.then === 'function' ? Promise.resolve(under).catch(throwLater) : undefined;
    } catch (error) {
      return throwLater(error);
    }
  }
}

/** @param {unknown} error @returns {undefined} */
function throwLater(error) {
  process.nextTick(() => {
    throw error;
  });
}

module.exports = { Reader };
