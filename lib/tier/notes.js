/**
 * What the processes of one machine know of a server of Redis, in the cache that they share: which caches have a tier there,
 * how the connection does that hears of changes, and what could not be removed there yet.
 */

/** @typedef {{ keeper: string, epoch: number, beat: number, isUp: boolean, isTold: boolean, clock?: number, prefixes: string[], invalidations: number }} State */
/** @typedef {{ prefix: string, base: string, namespace: string, options: any }} Space */
/** @typedef {{ key: string, id: string, name: string, isAll: boolean }} Debt */

const { randomUUID } = require('node:crypto');
const { setTimeout: pause } = require('node:timers/promises');
const { isHeld } = require('../cache/held.js');
const { memoryOf } = require('../cache/lru-cache-clustered.js');
const { addon } = require('../cache/native.js');

const MOST_NOTES = 10_000;
/** More names that are owed than this, two for each key, and the caches in question are emptied instead. */
const MOST_OWED = 20_000;
const DAY = 86_400_000;
const BETWEEN_TRIES = 100;
const SEEN = { retries: 1000 };

/** On the IPC transport, what is not answered is an error. */
const TRANSPORT = /** @type {const} */ ({ timeout: 5000, failsafe: 'reject' });

/** What a promise brings is nobody's business, and neither is that it fails. */
const ignore = () => {};

class Notes {
  #notes;
  #owed;
  #target;

  /** @param {any} LRUCacheClustered @param {string} target */
  constructor(LRUCacheClustered, target) {
    this.#target = target;
    this.#notes = new LRUCacheClustered({ namespace: 'flotilla:tiers', max: MOST_NOTES, ...TRANSPORT });
    this.#owed = new LRUCacheClustered({ namespace: 'flotilla:owed', max: 2 * MOST_OWED, ...TRANSPORT });
  }

  /** @param {string} what */
  #key(what) {
    return `${what}:${this.#target}`;
  }

  /** @returns {Promise<State | undefined>} */
  state() {
    return this.#notes.get(this.#key('state'));
  }

  /** Whether a look at what is known is a message to the primary, and no read of memory. */
  get isFar() {
    return memoryOf(this.#notes) === undefined;
  }

  /** @param {State} state of a keeper that begins */
  async begin(state) {
    await this.#notes.set(this.#key('state'), state);
    await this.#wake();
  }

  /** @param {State} state of a keeper, unless another has begun meanwhile */
  async tell(state) {
    await this.#notes.update(
      this.#key('state'),
      (/** @type {State | undefined} */ there) => (there?.keeper === state.keeper ? state : undefined),
      SEEN,
    );
    await this.#wake();
  }

  /** Ends the sleep of all who listen. */
  #wake() {
    return this.#notes.invalidateTags([this.#key('news')]);
  }

  /**
   * Calls back at once, and whenever the keeper has said something: the primary tells, so that nobody asks it again and again.
   * Who listens sleeps on a flight of its own, which the news voids. It is claimed before the callback looks, so nothing is missed.
   *
   * @param {() => void} told
   */
  async whenTold(told) {
    let isHeard = false;
    const hear = (/** @type {any} */ _key, /** @type {any} */ { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
        isHeard = true;
        told();
      });
    const how = { forceRefresh: true, lease: DAY, tags: [this.#key('news')] };
    for (;;) {
      isHeard = false;
      await this.#notes.fetch(this.#key(`ear:${randomUUID()}`), hear, how).catch(ignore);
      // Where the primary does not answer, it is not asked at once again.
      if (!isHeard) await pause(BETWEEN_TRIES, undefined, { ref: false });
    }
  }

  /** @param {Space} space */
  async enlist(space) {
    await this.#notes.update(
      this.#key('spaces'),
      (/** @type {Space[] | undefined} */ spaces = []) =>
        spaces.some(({ prefix }) => prefix === space.prefix) ? undefined : [...spaces, space],
      SEEN,
    );
    await this.#notes.delete(this.#key('bell'));
  }

  /** @returns {Promise<Space[]>} */
  async spaces() {
    return (await this.#notes.get(this.#key('spaces'))) ?? [];
  }

  /**
   * Calls back whenever somebody has enlisted, until the signal says that it is enough.
   *
   * @param {() => void} rung
   * @param {AbortSignal} enough
   */
  async whenRung(rung, enough) {
    const hear = (/** @type {any} */ _key, /** @type {any} */ { signal }) =>
      new Promise((_resolve, reject) => {
        // One that listens no more leaves its place to who does.
        if (enough.aborted) return void reject(enough.reason);
        signal.addEventListener('abort', () => {
          rung();
          reject(signal.reason);
        });
      });
    enough.addEventListener('abort', () => void this.#notes.delete(this.#key('bell')).catch(ignore));
    while (!enough.aborted) {
      await this.#notes.fetch(this.#key('bell'), hear, { lease: DAY }).catch(ignore);
      // While another one listened, it may have rung.
      rung();
    }
  }

  /**
   * One process of the machine at a time runs this; another one does when it is dead or deposed.
   *
   * @param {(signal: AbortSignal) => Promise<void>} keep
   */
  lead(keep) {
    const lead = (/** @type {any} */ _key, /** @type {any} */ { signal }) => keep(signal);
    return this.#notes.fetch(this.#key('keeper'), lead, { lease: DAY, negativeTtl: 1 });
  }

  /** The keeper says nothing any more: it is no longer the keeper. @param {State} state the last that it said */
  async depose({ keeper, beat }) {
    const first = await this.#notes.setIfAbsent(this.#key(`deposed:${keeper}:${beat}`), true, {
      ttl: 60_000,
    });
    if (first) await this.#notes.delete(this.#key('keeper'));
  }

  /** @param {string} pattern of all of a cache @param {string[]} names of what is to be removed there when it can be */
  async owe(pattern, names) {
    if ((await this.#owed.size()) + names.length > MOST_OWED) return this.oweAll(pattern);
    for (const name of names) await this.#owed.set(`${this.#key('one')}|${name}`, randomUUID());
  }

  /** @param {string} pattern of the names of what is to be removed when it can be */
  async oweAll(pattern) {
    await this.#owed.set(`${this.#key('all')}|${pattern}`, randomUUID());
  }

  /** @returns {Promise<Debt[]>} what is owed to this server */
  async debts() {
    if ((await this.#owed.size()) === 0) return [];
    const entries = /** @type {[string, string][]} */ (await this.#owed.entries());
    return entries.flatMap(([key, id]) => {
      const kind = ['one', 'all'].find((what) => key.startsWith(`${this.#key(what)}|`));
      if (kind === undefined) return [];
      const name = key.slice(this.#key(kind).length + 1);
      return [{ key, id, name, isAll: kind === 'all' }];
    });
  }

  /** It is paid; if it was owed once more meanwhile, it is owed still. @param {Debt} debt */
  async settle({ key, id }) {
    const taken = await this.#owed.take(key);
    if (taken !== undefined && taken !== id) await this.#owed.set(key, taken);
  }

  /** @param {string[]} names @param {string} pattern of all of their cache @returns {Promise<boolean>} */
  async isOwed(names, pattern) {
    const keys = [`${this.#key('all')}|${pattern}`, ...names.map((name) => `${this.#key('one')}|${name}`)];
    const there = await Promise.all(keys.map((key) => this.#owed.has(key)));
    return there.includes(true);
  }

  /** @returns {Promise<boolean>} whether anything is owed, to any server */
  async owesAny() {
    return (await this.#owed.size()) > 0;
  }

  /** Whether it is known at once that nothing is owed, to any server. */
  owesNothing() {
    const memory = memoryOf(this.#owed);
    if (memory === undefined) return false;
    try {
      return addon.cacheSize(memory.id) === 0;
    } catch (error) {
      if (isHeld(error)) return false;
      throw error;
    }
  }
}

module.exports = { Notes };
