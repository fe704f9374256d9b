/**
 * `createBus`: messages from any process to all that listen, in one order, by way of the cache’s memory. No message passes through the
 * primary, unless the cache itself does, on the IPC transport.
 *
 * A bus is a ring of batches in a namespace of its own, each under the offset of its first message, and the last batch beside them. To
 * publish is one exchange of the last batch for the next one (`setIfVersion`), after the last has been put into the ring, which any
 * process may do for any other. So each offset has one message and no offset is left out, whoever is killed at whatever
 * point: a message is there for all, or was never published. What is the oldest goes. A batch is what a process published while an exchange
 * of its own was under way: it shares the cost of the next one, and is packed and unpacked at once.
 *
 * `bus-reader.js` reads it.
 */

/** @import { Bus, BusOptions, SubscribeOptions } from '../../index.js' */
/** @import { Batch, Last, Message } from './bus-batches.js' */
/** @import { Steps } from './bus-steps.js' */

const {
  AT_ONCE,
  mayHelp,
  mostOf,
  offsetOf,
  pack,
  packLast,
  readOffset,
  unpackLast,
  WAKE,
} = require('./bus-batches.js');
const { Reader } = require('./bus-reader.js');
const { atOnce, inTurns } = require('./bus-steps.js');
const { survives } = require('./codec.js');
const { invalid } = require('./invalid.js');
const { LRUCacheClustered, memoryOf } = require('./lru-cache-clustered.js');
const { checkNames } = require('./option-names.js');
const { defaultMax } = require('./options.js');

/** Where the last batch lies. */
const LAST = 'last';
const DEFAULT_MAX = 10_000;
const TRANSPORT = /** @type {const} */ ({ timeout: 5000, failsafe: 'reject' });

/** A message that is to be published. @typedef {Message & { resolve: (offset: string) => void, reject: (error: unknown) => void }} Waiting */

/** In the options of a subscription: whether it is to leave out what came by the same instance. */
const skipsOwn = Symbol('skipsOwn');

/** Messages of two epochs were never on one ring: it was emptied in between. */
const newEpoch = () => Math.floor(Math.random() * 2 ** 40).toString(36);

/** @param {string} name @param {unknown} value */
function checkFunction(name, value) {
  if (typeof value !== 'function') throw invalid(name, 'a function', value);
}

/** @param {Waiting[]} some @param {[epoch: string, before: number]} published */
function answer(some, [epoch, before]) {
  for (const [at, { resolve }] of some.entries()) resolve(offsetOf(epoch, before + at + 1));
}

/** @implements {Bus} */
class SharedBus {
  /** @type {Waiting[]} */
  #waiting = [];
  #publishes = false;
  #isUnderWay = false;
  /** @type {number | undefined} */
  #most;
  /** Whether a reader leaves out what came by this instance. */
  #keepsOwn = false;
  /** What did, as far as that reader has not come to it. @type {[epoch: string, first: number, last: number][]} */
  #own = [];

  /** @param {string} name @param {number} [max] */
  constructor(name, max) {
    this.name = name;
    // Beside the ring there is the last batch. Where nobody says how long the ring is, it is as long as it is.
    const limits = max === undefined ? { [defaultMax]: DEFAULT_MAX + 1 } : { max: max + 1 };
    this.ring = new LRUCacheClustered({ namespace: `bus ${name}`, ...limits, ...TRANSPORT });
    this.sleepers = new LRUCacheClustered({ namespace: `bus ${name}, sleepers`, max: 1000, ...TRANSPORT });
  }

  /** @returns {Promise<Last>} */
  async last() {
    return unpackLast(await this.ring.peek(LAST)) ?? ['', 0, 0, '[]'];
  }

  /** @param {any} message @returns {Promise<string>} */
  async publish(message) {
    return this.#publish(survives(message) ? { text: JSON.stringify(message) } : { message });
  }

  /** The same, for what was made into JSON already. @param {string} text @returns {Promise<string>} */
  publishText(text) {
    return this.#publish({ text });
  }

  /** @param {Message} one @returns {Promise<string>} */
  #publish(one) {
    return new Promise((resolve, reject) => {
      if (one.text === undefined && one.message === undefined)
        throw invalid('message', 'anything but undefined', undefined);
      const { message, text } = one;
      this.#waiting.push({ message, text, resolve, reject });
      if (!this.#publishes) this.#publishAll();
      else if (this.#waiting.length === AT_ONCE) this.#publishEarly();
    });
  }

  /** Until nobody waits any more. Those of one process do not stand in each other’s way. */
  async #publishAll() {
    this.#publishes = true;
    // What is published in one go goes together.
    await undefined;
    this.#isUnderWay = true;
    while (this.#waiting.length > 0) await this.#publishSome(this.#waiting.splice(0, AT_ONCE));
    this.#isUnderWay = false;
    this.#publishes = false;
  }

  /** @param {Waiting[]} some */
  async #publishSome(some) {
    try {
      const most = mostOf(await this.#length());
      if (some.length > most) return await this.#publishParts(some, most);
      answer(some, await inTurns(this.#exchange(pack(some), some.length)));
    } catch (error) {
      // One of them cannot be stored, or all together cannot: each has its own answer.
      if (some.length > 1 && !mayHelp(error)) return this.#publishParts(some, 1);
      for (const { reject } of some) reject(error);
    }
  }

  /** What is a whole batch before its publisher is done: who reads begins meanwhile. It needs memory of its own and nobody in the way. */
  #publishEarly() {
    const isReady = !this.#isUnderWay && this.#most !== undefined && mostOf(this.#most) === AT_ONCE;
    if (!isReady || memoryOf(this.ring) === undefined) return;
    const some = this.#waiting.slice();
    try {
      answer(some, atOnce(this.#exchange(pack(some), some.length)));
      this.#waiting = [];
    } catch {
      // It is published with the others, or refused.
    }
  }

  /** @param {Waiting[]} some @param {number} most */
  async #publishParts(some, most) {
    for (let at = 0; at < some.length; at += most) await this.#publishSome(some.slice(at, at + most));
  }

  /**
   * The steps of an exchange, each an operation of a cache with what it is given.
   *
   * @param {Batch} batch
   * @param {number} count
   * @returns {Steps<[epoch: string, before: number]>} the number of the message before it
   */
  *#exchange(batch, count) {
    for (;;) {
      const found = yield [this.ring, 'getWithVersion', LAST];
      const [epoch, number, lastCount, last] = unpackLast(found?.value) ?? [newEpoch(), 0, 0, '[]'];
      if (lastCount > 0) yield [this.ring, 'setIfAbsent', offsetOf(epoch, number - lastCount + 1), last];
      const next = packLast([epoch, number + count, count, batch]);
      if (!(yield [this.ring, 'setIfVersion', LAST, next, found?.version])) continue;
      if (this.#keepsOwn) this.#own.push([epoch, number + 1, number + count]);
      try {
        yield [this.sleepers, 'invalidateTags', WAKE];
        const gone = this.#gone(epoch, number, count);
        if (gone.length > 0) yield [this.ring, 'mDelete', gone];
      } catch {
        // What is published stays so. Readers that could not be woken wake by themselves.
      }
      return [epoch, number];
    }
  }

  /** As many as came, of those that are more than the ring is to hold. @param {string} epoch @param {number} number @param {number} count */
  #gone(epoch, number, count) {
    const max = Number(this.#most);
    const most = mostOf(max);
    // Where all are alone, the ring itself has no place for more.
    if (most === 1 || number <= max + most) return [];
    const first = number - max - most + 1;
    return Array.from({ length: count }, (_, at) => offsetOf(epoch, first + at));
  }

  /** Up to which message all came by this instance, if this one did; or 0. @param {string} epoch @param {number} at */
  ownUpTo(epoch, at) {
    while (this.#own.length > 0 && (this.#own[0][0] !== epoch || this.#own[0][2] < at)) this.#own.shift();
    const [[, first, last] = [epoch, Number.POSITIVE_INFINITY, 0]] = this.#own;
    return first <= at ? last : 0;
  }

  /** How many messages the ring holds. @returns {Promise<number>} */
  async #length() {
    this.#most ??= (await this.ring.max()) - 1;
    return this.#most;
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
      await this.#length(),
    );
    await reader.read();
    return { messages, missed };
  }

  /** @param {(message: any, offset: string) => any} listener @param {SubscribeOptions & { [skipsOwn]?: () => boolean }} [options] */
  async subscribe(listener, options = {}) {
    checkFunction('listener', listener);
    if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options);
    checkNames('subscribe', options, ['from', 'onMissed']);
    const { from, onMissed = () => {} } = options;
    checkFunction('onMissed', onMissed);
    const [epoch, number] = from === undefined ? await this.last() : readOffset(from);
    const max = await this.#length();
    const skips = options[skipsOwn];
    this.#keepsOwn ||= skips !== undefined;
    const reader = new Reader(this, listener, onMissed, [epoch, number], max, skips);
    reader.run().catch((error) => {
      process.nextTick(() => {
        throw error;
      });
    });
    return () => {
      reader.stop();
      if (skips === undefined) return;
      this.#keepsOwn = false;
      this.#own = [];
    };
  }
}

/** @param {string} name @param {BusOptions} [options] */
function createBus(name, options = {}) {
  if (typeof name !== 'string') throw invalid('name', 'a string', name);
  if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options);
  checkNames('createBus', options, ['max']);
  const { max } = options;
  if (max !== undefined && !(Number.isSafeInteger(max) && max > 0))
    throw invalid('max', 'a positive whole number', max);
  return new SharedBus(name, max);
}

module.exports = { createBus, skipsOwn };
