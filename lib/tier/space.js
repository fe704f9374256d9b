/**
 * What a cache has in Redis: its entries there, and how they are kept in memory. Each call is one step of the server, or
 * two where an entry bears tags.
 */

/** @import { WriteOptions } from '../../index.js' */
/** @import { Declaration } from '../cache/options.js' */
/** @import { TagVersions } from './value-bytes.js' */
/** @typedef {NonNullable<ReturnType<typeof fromBytes>>} Found with what is left of its lifetime, once that is known */

const { createError } = require('../errors.js');
const { Brought } = require('../cache/brought.js');
const { checkCounted } = require('../cache/given.js');
const { isBoundedBySize } = require('../cache/options.js');
const { away } = require('./breaker.js');
const { Names } = require('./names.js');
const { empty, scan } = require('./scan.js');
const { inOneStep } = require('./scripts.js');
const { fromBytes, headOfNumber, newVersion, toBytes } = require('./value-bytes.js');

/** How long an entry lies in memory at most, where the cache says nothing. */
const LOCAL_TTL = 60_000;

/** Some three thousand years: what is to live longer has no end. */
const LONGEST = 1e14;

/** What the server says of the lifetime of an entry that there is not. */
const GONE = -2;

/** What a step says where it has done nothing, because an entry bears tags that may be invalid. */
const LOOK_AT_TAGS = 2;

class Space {
  #tier;
  #link;
  #declared;
  #ttl;

  /** @param {InstanceType<typeof import('./redis-tier.js').Tier>} tier @param {string} namespace @param {Declaration} declaration */
  constructor(tier, namespace, { declared }) {
    this.#tier = tier;
    this.#link = tier.link;
    this.#declared = declared;
    this.#ttl = declared[3];
    this.names = new Names(tier.prefix, namespace, tier.link.isCluster);
  }

  /** @param {Parameters<typeof inOneStep>[1]} step @param {string[]} names @param {(string | Buffer)[]} [values] */
  step(step, names, values) {
    return inOneStep(this.#link.call, step, names, values);
  }

  /** @param {any} key */
  #places(key) {
    return [this.names.entry(key), this.names.lock(key)];
  }

  /** Of an entry in Redis, in milliseconds: 0 for no end, and less where it is over at once. @param {number} [ttl] that the call says */
  redisTtl(ttl) {
    const lives = ttl ?? this.#tier.ttl ?? this.#ttl;
    if (lives < 0) return -1;
    return lives > LONGEST ? 0 : Math.ceil(lives);
  }

  /** Of an entry in memory. @param {number | undefined} ttl that the call says @param {number} [left] of its lifetime in Redis */
  localTtl(ttl, left = 0) {
    if (ttl !== undefined && ttl < 0) return ttl;
    const most = this.#ttl > 0 ? this.#ttl : LOCAL_TTL;
    return Math.min(most, ttl || most, left > 0 ? left : most);
  }

  /** @param {number | undefined} size */
  checkSize(size) {
    checkCounted(/** @type {any} */ ({ declared: this.#declared, look: () => {} }), size);
  }

  /** @param {number | undefined} size */
  fits(size = 0) {
    const [, maxSize, maxEntrySize] = this.#declared;
    const most = maxEntrySize || maxSize;
    return most === 0 || size <= most;
  }

  /** Beside a size, which a cache that counts sizes asks for. @template {object} T @param {T} how @param {number} [size] @returns {T & { size?: number }} */
  keeping(how, size = undefined) {
    return isBoundedBySize(this.#declared) ? { ...how, size: size ?? 1 } : how;
  }

  /** How an entry of Redis is kept in memory. @param {Found} found @param {number} [ttl] */
  brought({ value, left, size, tags }, ttl = undefined) {
    const lives = this.localTtl(ttl, left);
    const names = tags.length > 0 ? tags.map(([name]) => name) : undefined;
    if (value === undefined) return new Brought(undefined, this.keeping({ negativeTtl: lives, tags: names }));
    return new Brought(value, this.keeping({ ttl: lives, tags: names }, size));
  }

  /** @param {any} key @returns {Promise<Found | undefined>} */
  read(key) {
    if (this.#link.owesNothing()) return this.#read(key);
    return this.checkOwed(key).then(() => this.#read(key));
  }

  /** @param {any} key @returns {Promise<Found | undefined>} */
  #read(key) {
    const name = this.names.entry(key);
    return this.#link.call(['GET', name]).then(
      (bytes) => this.understand(key, bytes),
      (error) => this.foreign(name, error),
    );
  }

  /** What another program has stored under a name is nothing. @param {string} name @param {any} error @returns {undefined} */
  foreign(name, error) {
    if (!/WRONGTYPE/.test(String(error?.message))) throw error;
    this.#tellForeign(name);
  }

  /** @param {string} name */
  #tellForeign(name) {
    this.#link.warn(
      `foreign ${this.names.told}`,
      `Redis has a value under "${name.slice(0, 200)}" that no Flotilla of this version has written; it is taken for none. ` +
        'Does another program use the prefix?',
    );
  }

  /**
   * @param {any} key
   * @param {Buffer | null} bytes
   * @returns {Promise<Found | undefined> | Found | undefined} nothing where there is none that is valid
   */
  understand(key, bytes) {
    if (bytes === null || bytes === undefined) return undefined;
    const stored = fromBytes(bytes);
    if (stored === undefined) {
      this.#tellForeign(this.names.entry(key));
      return undefined;
    }
    if (stored.tags.length > 0) return this.#ifValid(key, stored);
    const left = this.#link.timeUntil(stored.end);
    if (left === undefined) return this.#withTimeLeft(key, stored);
    stored.left = left;
    return stored;
  }

  /** @param {any} key @param {Found} stored @returns {Promise<Found | undefined>} */
  async #ifValid(key, stored) {
    if (await this.#areValid(stored.tags)) return this.#withTimeLeft(key, stored);
    await this.step('removeVersion', [this.names.entry(key)], [stored.version]);
    return undefined;
  }

  /** Where the server's clock is not known, it says what is left. @param {any} key @param {Found} stored @returns {Promise<Found>} */
  async #withTimeLeft(key, stored) {
    const known = this.#link.timeUntil(stored.end);
    const left = known ?? (await this.#link.call(['PTTL', this.names.entry(key)]));
    // One that has ended since is over in a moment, and not without an end.
    stored.left = left === GONE ? 1 : Math.max(0, left);
    return stored;
  }

  /** @param {TagVersions} tags */
  async #areValid(tags) {
    await this.#checkOwed(tags.map(([name]) => this.names.tag(name)));
    const there = await this.#link.call(['MGET', ...tags.map(([name]) => this.names.tag(name))]);
    return tags.every(([, version], at) => String(there[at] ?? '') === version);
  }

  /** What tags stand at now. @param {readonly string[]} tags @param {number} [ttl] of what will bear them @returns {Promise<TagVersions>} */
  async versionsOf(tags, ttl) {
    if (tags.length === 0) return [];
    const lives = 2 * this.redisTtl(ttl);
    const names = tags.map((tag) => this.names.tag(tag));
    const versions = await this.step('versions', names, [newVersion(), String(lives)]);
    return tags.map((tag, at) => [tag, String(versions[at])]);
  }

  /** What changes with each invalidation of tags. @returns {Promise<string>} */
  async epoch() {
    const [epoch] = await this.step('versions', [this.names.epoch], [newVersion(), '0']);
    return String(epoch);
  }

  /** The bytes of a value, which is encoded at once, beside what its tags stand at. @param {any} key @param {any} value @param {WriteOptions} write */
  bytesOf(key, value, { size, tags = [], ttl }) {
    if (tags.length === 0) {
      const bytes = toBytes(value, key, { size });
      return async () => bytes;
    }
    // What cannot be stored is refused before anything is asked.
    toBytes(value, key, {});
    return async () => toBytes(value, key, { size, tags: await this.versionsOf(tags, ttl) });
  }

  /** @param {any} key @param {Buffer} bytes @param {WriteOptions} write */
  async set(key, bytes, { ttl }) {
    await this.step('set', this.#places(key), [bytes, String(this.redisTtl(ttl))]);
    return true;
  }

  /** @param {any} key @param {Buffer} bytes @param {WriteOptions} write @returns {Promise<boolean>} */
  async setIfAbsent(key, bytes, { ttl }) {
    const store = () => this.step('setIfAbsent', this.#places(key), [bytes, String(this.redisTtl(ttl))]);
    if ((await store()) === 1) return true;
    // One whose tags are invalid stands for none.
    if ((await this.read(key)) !== undefined) return false;
    return (await store()) === 1;
  }

  /** @param {any} key @param {Buffer} bytes @param {string} version @param {WriteOptions} write */
  async setIfVersion(key, bytes, version, { ttl }) {
    const values = [bytes, String(this.redisTtl(ttl)), version];
    return (await this.step('setIfVersion', this.#places(key), values)) === 1;
  }

  /** @param {any} key */
  async remove(key) {
    const removed = await this.step('remove', this.#places(key));
    return typeof removed === 'number' ? removed === 1 : (await this.understand(key, removed)) !== undefined;
  }

  /**
   * Does what is to be done to an entry that may bear tags: if those are invalid, it is gone before.
   *
   * @param {any} key
   * @param {(isLookedAt: '' | '1') => Promise<any>} act
   */
  async #ofValid(key, act) {
    const answer = await act('');
    if (answer !== LOOK_AT_TAGS) return answer;
    await this.read(key);
    return act('1');
  }

  /** @param {any} key */
  async take(key) {
    const bytes = await this.step('take', this.#places(key));
    return (await this.understand(key, bytes))?.value;
  }

  /** @param {any} key @param {number} [ttl] */
  async touch(key, ttl) {
    const lives = String(this.redisTtl(ttl));
    const touch = (/** @type {string} */ isLookedAt) =>
      this.step('touch', [this.names.entry(key)], [lives, isLookedAt]);
    return (await this.#ofValid(key, touch)) === 1;
  }

  /**
   * @param {any} key
   * @param {number} amount
   * @param {WriteOptions} write
   * @returns {Promise<{ value: number, ttl: number } | undefined>} nothing where the value is no number
   */
  async count(key, amount, { ttl, size, tags = [] }) {
    const head = headOfNumber({ size, tags: await this.versionsOf(tags, ttl) });
    const values = [String(amount), String(this.redisTtl(ttl)), head, newVersion()];
    const count = (/** @type {string} */ isLookedAt) =>
      this.step('count', this.#places(key), [...values, isLookedAt]);
    const counted = await this.#ofValid(key, count);
    if (counted === null) return undefined;
    return { value: Number(counted[0]), ttl: Math.max(0, counted[1]) };
  }

  /** @param {any} key @returns {Promise<number>} as the cache tells it */
  async remainingTtl(key) {
    const left = await this.#link.call(['PTTL', this.names.entry(key)]);
    if (left === -1) return Number.POSITIVE_INFINITY;
    return Math.max(0, left);
  }

  /** @param {string[]} tags */
  async invalidateTags(tags) {
    const pairs = tags.flatMap((tag) => [this.names.tag(tag), this.names.invalid(tag)]);
    await this.step('invalidate', [this.names.epoch, ...pairs], [newVersion()]);
  }

  async clear() {
    // Who is fetching stores nothing any more, and what is there goes.
    const { calls, isCluster } = this.#link;
    await empty(calls, this.names.locks, isCluster);
    await empty(calls, this.names.entries, isCluster);
    await this.#link.call(['SET', this.names.cleared, '', 'PX', '1']);
  }

  /** Those of all entries that are there. @returns {Promise<any[]>} */
  async keys() {
    const keys = new Set();
    await scan(await this.#link.calls(), this.names.entries, (names) => {
      for (const name of names) {
        const said = this.names.read(name.toString());
        if (said !== undefined && 'key' in said) keys.add(said.key);
      }
    });
    return [...keys];
  }

  /** @param {any} key */
  owe(key) {
    return this.#link.owe(this.names.entries, this.#places(key));
  }

  /** A tag without a version is invalid. @param {string[]} tags */
  oweTags(tags) {
    return this.#link.owe(this.names.entries, [this.names.epoch, ...tags.map((tag) => this.names.tag(tag))]);
  }

  oweAll() {
    return this.#link.oweAll(this.names.entries);
  }

  /** @param {any} key */
  checkOwed(key) {
    return this.#checkOwed([this.names.entry(key)]);
  }

  /** @param {string[]} names */
  async #checkOwed(names) {
    if (await this.#link.isOwed(names, this.names.entries)) {
      throw away('what it has of this key is to be removed first');
    }
  }

  /** @param {any} error */
  tellRefused({ message }) {
    this.#link.warn(`refused ${message.slice(0, 8)}`, `Redis does not store what was fetched: ${message}`);
  }

  /** What the server says no to. @param {any} error */
  refusal(error) {
    if (!/^[A-Z]+ /.test(String(error?.message)) || error.code?.startsWith?.('FLOTILLA')) return error;
    return createError('FLOTILLA_ERR_TIER_REFUSED', [error.message], { cause: error });
  }
}

module.exports = { Space };
