/**
 * `createBus`: messages from any process to all that listen, in one order, by way of the cache’s memory. No message passes through the
 * primary, unless the cache itself does, on the IPC transport.
 *
 * A bus is a ring of entries in a namespace of its own, each under its offset, and the last message beside them. To publish is one
 * exchange of the last message for the next one (`setIfVersion`), after the last has been put into the ring under its offset, which
 * any process may do for any other. So each offset has one message and no offset is left out, whoever is killed at whatever
 * point: a message is there for all, or was never published. What is the oldest is evicted, as in every cache.
 *
 * A reader goes from its own offset to the last one. Where a message has been evicted before the reader came to it, the reader counts it
 * as missed, and says so. With nothing to read it sleeps on a flight of its own, in a second namespace, which bears a tag; to publish ends
 * with the invalidation of that tag, which voids the flights of all readers and so wakes them. The flight is claimed before the
 * reader looks for the last time, so no message slips in between. A publisher that is killed just before it wakes the readers leaves
 * them to the end of their flight’s time, a quarter of a second.
 */

/** @import { Bus, BusOptions, SubscribeOptions } from '../../index.js' */

const { setImmediate: turn, setTimeout: pause } = require('node:timers/promises');
const { threadId } = require('node:worker_threads');
const { Turns } = require('../base/turns.js');
const { checkNames } = require('./option-names.js');
const { invalid } = require('./invalid.js');
const { LRUCacheClustered } = require('./lru-cache-clustered.js');
const { defaultMax } = require('./options.js');

/** Where the last message lies: `[epoch, number, message]`. */
const LAST = 'last';
const WAKE = ['wake'];
/** How long a reader sleeps at most. */
const LONGEST_SLEEP = 250;
/** After a cache was locked by a stopped process. */
const BETWEEN_TRIES = 50;
/** So many messages are given out before others of the process have their turn. */
const AT_ONCE = 64;
const DEFAULT_MAX = 10_000;
const TRANSPORT = /** @type {const} */ ({ timeout: 5000, failsafe: 'reject' });

/** @typedef {[epoch: string, number: number, message: any]} Last */

/** Messages of two epochs were never on one ring: it was emptied in between. */
const newEpoch = () => Math.floor(Math.random() * 2 ** 40).toString(36);

/** @param {string} epoch @param {number} number */
const offsetOf = (epoch, number) => `${epoch}.${number}`;

/** @param {unknown} offset @returns {[epoch: string, number: number]} */
function readOffset(offset) {
  const [, epoch = '', number] = /^([0-9a-z]*)\.(\d{1,15})$/.exec(String(offset)) ?? [];
  if (typeof offset !== 'string' || number === undefined) {
    throw invalid('from', 'an offset that publish or a listener gave', offset);
  }
  return [epoch, Number(number)];
}

/** @param {string} name @param {unknown} value */
function checkFunction(name, value) {
  if (typeof value !== 'function') throw invalid(name, 'a function', value);
}

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
  #stop = () => {};

  /**
   * @param {SharedBus} bus
   * @param {(message: any, offset: string) => any} listener
   * @param {(count: number) => any} onMissed
   * @param {[epoch: string, number: number]} at
   * @param {number} max how many messages the ring holds
   */
  constructor(bus, listener, onMissed, at, max) {
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
    while (!this.#stopped && !signal.aborted && (await this.read()));
    if (!this.#stopped) await woken;
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
  async #readTo([epoch, number, message]) {
    const first = Math.max(this.#at[1] + 1, number - this.#max);
    let missed = first - this.#at[1] - 1;
    for (let at = first; at <= number && !this.#stopped; at++) {
      const found = at === number ? [message] : await this.#bus.ring.peek(offsetOf(epoch, at));
      this.#at[1] = at;
      if (found === undefined) missed++;
      else {
        if (missed > 0) await this.#miss(missed);
        missed = 0;
        await this.#give(found[0], offsetOf(epoch, at));
      }
      if (at % AT_ONCE === 0) await turn();
    }
  }

  /** @param {number} count */
  async #miss(count) {
    await this.#tell(() => this.#onMissed(count));
  }

  /** @param {any} message @param {string} offset */
  async #give(message, offset) {
    await this.#tell(() => this.#listener(message, offset));
  }

  /** What a listener throws is the program's, as with every event; the messages after it still come. @param {() => any} call */
  async #tell(call) {
    try {
      await call();
    } catch (error) {
      process.nextTick(() => {
        throw error;
      });
    }
  }
}

/** @implements {Bus} */
class SharedBus {
  #turns = new Turns();

  /** @param {string} name @param {number} [max] */
  constructor(name, max) {
    this.name = name;
    // Beside the ring there is the last message. Where nobody says how long the ring is, it is as long as it is.
    const limits = max === undefined ? { [defaultMax]: DEFAULT_MAX + 1 } : { max: max + 1 };
    this.ring = new LRUCacheClustered({ namespace: `bus ${name}`, ...limits, ...TRANSPORT });
    this.sleepers = new LRUCacheClustered({ namespace: `bus ${name}, sleepers`, max: 1000, ...TRANSPORT });
  }

  /** @returns {Promise<Last>} */
  async last() {
    return (await this.ring.peek(LAST)) ?? ['', 0, undefined];
  }

  /** Those of one process take turns, and so do not stand in each other’s way. @param {any} message */
  publish(message) {
    return this.#turns.take(() => this.#publish(message));
  }

  /** @param {any} message */
  async #publish(message) {
    if (message === undefined) throw invalid('message', 'anything but undefined', message);
    for (;;) {
      const found = await this.ring.getWithVersion(LAST);
      /** @type {Last} */
      const [epoch, number, last] = found?.value ?? [newEpoch(), 0, undefined];
      if (number > 0) await this.ring.setIfAbsent(offsetOf(epoch, number), [last]);
      if (await this.ring.setIfVersion(LAST, [epoch, number + 1, message], found?.version)) {
        await this.sleepers.invalidateTags(WAKE);
        return offsetOf(epoch, number + 1);
      }
    }
  }

  /** @param {string} from */
  async read(from) {
    /** @type {[message: any, offset: string][]} */
    const messages = [];
    let missed = 0;
    const listener = (/** @type {any} */ message, /** @type {string} */ offset) =>
      messages.push([message, offset]);
    const reader = new Reader(
      this,
      listener,
      (count) => {
        missed += count;
      },
      readOffset(from),
      (await this.ring.max()) - 1,
    );
    await reader.read();
    return { messages, missed };
  }

  /** @param {(message: any, offset: string) => any} listener @param {SubscribeOptions} [options] */
  async subscribe(listener, options = {}) {
    checkFunction('listener', listener);
    if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options);
    checkNames('subscribe', options, ['from', 'onMissed']);
    const { from, onMissed = () => {} } = options;
    checkFunction('onMissed', onMissed);
    const [epoch, number] = from === undefined ? await this.last() : readOffset(from);
    const max = (await this.ring.max()) - 1;
    const reader = new Reader(this, listener, onMissed, [epoch, number], max);
    reader.run().catch((error) => {
      process.nextTick(() => {
        throw error;
      });
    });
    return () => reader.stop();
  }
}

/** @param {string} name @param {BusOptions} [options] @returns {Bus} */
function createBus(name, options = {}) {
  if (typeof name !== 'string') throw invalid('name', 'a string', name);
  if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options);
  checkNames('createBus', options, ['max']);
  const { max } = options;
  if (max !== undefined && !(Number.isSafeInteger(max) && max > 0))
    throw invalid('max', 'a positive whole number', max);
  return new SharedBus(name, max);
}

module.exports = { createBus };
