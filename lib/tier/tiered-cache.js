/**
 * A cache with a second tier: what the memory of this machine does not have, Redis may; and what one machine writes, all
 * others hear of.
 *
 * Writes go to Redis, and then out of memory: the next reader brings what is there. Nothing is put into memory but by a flight,
 * which the news of a change makes void: so an answer that a change has overtaken is given to who asked before, and not kept.
 */

/** @import { CacheOptions, Entry, FetchOptions, Fetcher, ReadOptions, TouchOptions, UpdateOptions, WriteOptions } from '../../index.js' */

const { createError } = require('../errors.js');
const { Brought } = require('../cache/brought.js');
const { checkRead, readTagNames, readTouch, readWrite } = require('../cache/call-options.js');
const given = require('../cache/given.js');
const { LRUCacheClustered, memoryOf } = require('../cache/lru-cache-clustered.js');
const { loaderDefaults, readLoading } = require('../cache/loader-options.js');
const { declare, describe } = require('../cache/options.js');
const { keepSecondTier } = require('../cache/second-tier.js');
const { update } = require('../cache/update.js');
const { isAway } = require('./breaker.js');
const { Fetching } = require('./fetching.js');
const { ABSENT, Finding } = require('./finding.js');
const { inParts } = require('./in-parts.js');
const { readOnly } = require('./read-only.js');
const { Space } = require('./space.js');

/** How often who fetches follows others that only read, before it asks Redis beside them. */
const MOST_FOLLOWED = 8;

/** For flights whose tags are known when the value is there. */
const ANY_TAGS = () => undefined;

class TieredCache extends LRUCacheClustered {
  #space;
  #place;
  #tier;
  #loading;
  #fetching;
  #finding;
  #counts;

  /** @param {CacheOptions} options @param {InstanceType<typeof import('./redis-tier.js').Tier>} tier */
  constructor({ tier: _tier, ...options }, tier) {
    super(options);
    readOnly(this.sync);
    const declaration = declare(options);
    this.#tier = tier;
    this.#loading = loaderDefaults(options);
    this.#space = new Space(tier, this.namespace, declaration);
    this.#place = tier.link.enlist({
      prefix: this.#space.names.told,
      base: tier.prefix,
      namespace: this.namespace,
      options: describe(this.namespace, declaration),
    });
    this.#counts = this.#place.counts;
    this.#fetching = new Fetching(this.#space);
    // What Redis has may bear any tags: whatever is invalidated meanwhile makes the flight void.
    const keeping = this.#space.keeping({ tags: ANY_TAGS });
    this.#finding = new Finding({
      space: this.#space,
      place: this.#place,
      link: tier.link,
      memory: memoryOf(this),
      how: readLoading(this.#loading, keeping, 'fetch'),
      fly: (key, load) => super.fetch(key, load, keeping),
      alone: () => this.#whileAway(() => undefined, undefined),
    });
    keepSecondTier(this, { tier, keys: () => this.#inRedis(() => this.#space.keys()) });
  }

  /** How the tier is doing, as this process sees it. */
  tierStats() {
    const { link } = this.#tier;
    const unverifiedFor = this.#place.isTrusted ? 0 : performance.now() - this.#place.since;
    return {
      ...this.#counts,
      ...link.state,
      isTrusted: this.#place.isTrusted,
      unverifiedFor,
      breaker: link.breaker.state,
    };
  }

  /** Whether what memory has may be given. */
  #isReadable() {
    if (this.#place.isTrusted) return true;
    const { whenAway, serveFor } = this.#tier;
    return whenAway === 'serve' && performance.now() - this.#place.since < serveFor;
  }

  /** Whether Redis is there, and tells what changes. */
  #isThere() {
    return this.#place.isTrusted || this.#tier.link.trusts(this.#place);
  }

  /** What is done where Redis does not answer. @template T @param {() => T} alone @param {T} otherwise */
  #whileAway(alone, otherwise) {
    this.#counts.alone++;
    if (this.#tier.whenAway === 'reject')
      throw createError('FLOTILLA_ERR_TIER_AWAY', ['this cache was told to reject then']);
    return this.#tier.whenAway === 'serve' ? alone() : otherwise;
  }

  /** @param {any} key @param {ReadOptions} [options] */
  get(key, options) {
    if (options === undefined && this.#finding.isShort()) return this.#finding.get(key);
    return this.#get('get', key, options);
  }

  /** @param {any} key @param {ReadOptions} [options] */
  peek(key, options) {
    return this.#get('peek', key, options);
  }

  /** @param {'get' | 'peek'} op @param {any} key @param {ReadOptions} [options] */
  async #get(op, key, options) {
    if (options !== undefined) checkRead(op, options);
    given.checkKey(key);
    const inMemory = () => (op === 'get' ? super.get(key) : super.peek(key));
    if (this.#isReadable()) {
      const found = await inMemory();
      if (found !== undefined) {
        this.#counts.memory++;
        return found;
      }
    }
    return this.#finding.find(key);
  }

  /** @param {any} key @param {ReadOptions} [options] */
  async has(key, options) {
    if (options !== undefined) checkRead('has', options);
    given.checkKey(key);
    if (this.#isReadable() && (await super.has(key))) return true;
    return (await this.#finding.find(key)) !== undefined;
  }

  /** @param {Iterable<any>} keys @param {ReadOptions} [options] */
  async mGet(keys, options) {
    if (options !== undefined) checkRead('mGet', options);
    const all = given.readKeys(keys);
    return new Map(await inParts(all, async (key) => /** @type {[any, any]} */ ([key, await this.get(key)])));
  }

  /** @param {any} key @param {Fetcher<any>} fetcher @param {FetchOptions} [options] */
  async fetch(key, fetcher, options) {
    const how = given.readFetch(undefined, fetcher, options, this.#loading);
    given.checkKey(key);
    if (await this.#isThere()) {
      const alone = (/** @type {any} */ context) => this.#bringAlone(key, context, fetcher, how);
      const bring = (/** @type {any} */ _key, /** @type {any} */ context) =>
        this.#fetching.bring(key, context, fetcher, how, () => alone(context));
      return this.#fetchThere(key, bring, how.tags === undefined ? { ...options, tags: ANY_TAGS } : options);
    }
    const bring = (/** @type {any} */ _key, /** @type {any} */ context) =>
      this.#bringAlone(key, context, fetcher, how);
    return this.#fetchThere(key, bring, this.#isReadable() ? options : { ...options, forceRefresh: true });
  }

  /** @param {any} key @param {Fetcher<any>} bring @param {FetchOptions} [options] */
  async #fetchThere(key, bring, options) {
    for (let round = 1; round <= MOST_FOLLOWED; round++) {
      const value = await super.fetch(key, bring, options);
      if (value !== ABSENT) return value;
    }
    return super.fetch(key, bring, { ...options, forceRefresh: true });
  }

  /** What is fetched where Redis does not answer. @param {any} key @param {any} context @param {Fetcher<any>} fetcher @param {any} how */
  async #bringAlone(key, context, fetcher, how) {
    this.#whileAway(() => undefined, undefined);
    const value = await fetcher(key, context);
    const serves = this.#tier.whenAway === 'serve';
    return new Brought(value, this.#space.keeping({ ttl: this.#space.localTtl(how.ttl) }), serves);
  }

  /**
   * @template T
   * @param {any} key
   * @param {() => Promise<T>} change in Redis
   * @param {() => Promise<T>} alone what is done instead, in memory
   * @param {T} otherwise
   * @param {boolean} [isOwed] whether what lies in Redis is outdated, where it was not done
   * @returns {Promise<T>}
   */
  async #change(key, change, alone, otherwise, isOwed = true) {
    if (await this.#isThere()) {
      try {
        const answer = await change();
        await super.delete(key);
        return answer;
      } catch (error) {
        if (!isAway(error)) throw this.#space.refusal(error);
      }
    }
    if (isOwed) {
      // Whether it was done, nobody knows: what lies in Redis is not to be read again.
      await this.#space.owe(key);
      await super.delete(key);
    }
    return this.#whileAway(alone, Promise.resolve(otherwise));
  }

  /** A change that only Redis can decide. @template T @param {any} key @param {() => Promise<T>} change @returns {Promise<T>} */
  #decide(key, change) {
    const refuse = () => Promise.reject(createError('FLOTILLA_ERR_TIER_AWAY', ['only it can decide this']));
    return this.#change(key, change, refuse, /** @type {any} */ (undefined)).then((answer) =>
      answer === undefined ? refuse() : answer,
    );
  }

  /** @param {any} key @param {any} value @param {WriteOptions} [options] */
  async set(key, value, options) {
    const write = readWrite('set', options);
    const bytes = this.#space.bytesOf(key, value, write);
    given.checkKey(key);
    this.#space.checkSize(write.size);
    if (!this.#space.fits(write.size)) {
      await this.delete(key);
      return false;
    }
    const alone = () => super.set(key, value, { ...write, ttl: this.#space.localTtl(write.ttl) });
    return this.#change(key, async () => this.#space.set(key, await bytes(), write), alone, false);
  }

  /** @param {any} key @param {any} value @param {WriteOptions} [options] */
  async setIfAbsent(key, value, options) {
    const write = readWrite('setIfAbsent', options);
    const bytes = this.#space.bytesOf(key, value, write);
    given.checkKey(key);
    this.#space.checkSize(write.size);
    if (!this.#space.fits(write.size)) return false;
    return this.#decide(key, async () => this.#space.setIfAbsent(key, await bytes(), write));
  }

  /** @param {any} key @returns {Promise<boolean>} */
  async delete(key) {
    given.checkKey(key);
    const inMemory = await super.has(key);
    return this.#change(
      key,
      () => this.#space.remove(key),
      async () => inMemory,
      inMemory,
    );
  }

  /** @param {Iterable<readonly [any, any] | readonly [any, any, WriteOptions]>} entries @param {WriteOptions} [options] */
  async mSet(entries, options) {
    const all = given.readEntries(undefined, entries, options);
    for (const { size } of all) this.#space.checkSize(size);
    await inParts(all, ({ key, value, ttl, size, tags }) => this.set(key, value, { ttl, size, tags }));
  }

  /** @param {Iterable<any>} keys */
  async mDelete(keys) {
    await inParts(given.readKeys(keys), (key) => this.delete(key));
  }

  async clear() {
    if (await this.#isThere()) {
      try {
        await this.#space.clear();
        await super.clear();
        return;
      } catch (error) {
        if (!isAway(error)) throw this.#space.refusal(error);
      }
    }
    await this.#space.oweAll();
    await super.clear();
    this.#whileAway(() => undefined, undefined);
  }

  /** @param {Iterable<readonly [any, Entry<any>]>} entries */
  async load(entries) {
    const now = Date.now();
    const all = given.readDump(undefined, entries);
    await inParts(all, ({ key, value, ttl, start, size, tags }) => {
      // Without an end, its age says nothing.
      const left = ttl && start !== undefined ? ttl - Math.max(0, now - start) : ttl;
      return ttl && Number(left) <= 0 ? undefined : this.set(key, value, { ttl: left, size, tags });
    });
  }

  /** @param {any} key @param {number} [amount] @param {WriteOptions} [options] */
  async incr(key, amount, options) {
    return (await this.#count('incr', key, amount, 1, options)).value;
  }

  /** @param {any} key @param {number} [amount] @param {WriteOptions} [options] */
  async decr(key, amount, options) {
    return (await this.#count('decr', key, amount, -1, options)).value;
  }

  /** @param {any} key @param {number} [amount] @param {WriteOptions} [options] */
  incrWithTtl(key, amount, options) {
    return this.#count('incrWithTtl', key, amount, 1, options);
  }

  /** @param {string} op @param {any} key @param {number | undefined} amount @param {1 | -1} sign @param {WriteOptions} [options] */
  async #count(op, key, amount = 1, sign = 1, options = undefined) {
    const write = readWrite(op, options);
    given.checkAmount(amount);
    given.checkKey(key);
    this.#space.checkSize(write.size);
    const change = async () => {
      const counted = await this.#space.count(key, sign * amount, write);
      if (counted === undefined)
        throw createError('FLOTILLA_ERR_NOT_A_NUMBER', [
          'incr and decr need a number, and the value of this key is none',
        ]);
      return counted;
    };
    // This machine goes on counting alone, from nothing.
    const alone = () =>
      super.incrWithTtl(key, sign * amount, { ...write, ttl: this.#space.localTtl(write.ttl) });
    const counted = await this.#change(key, change, alone, undefined);
    if (counted === undefined) throw createError('FLOTILLA_ERR_TIER_AWAY', ['only it can count']);
    return counted;
  }

  /** @param {any} key @param {TouchOptions} [options] */
  async touch(key, options) {
    const ttl = readTouch(options);
    given.checkKey(key);
    return this.#change(
      key,
      () => this.#space.touch(key, ttl),
      async () => super.touch(key, { ttl: this.#space.localTtl(ttl) }),
      false,
      // The value is the same, unless it was to end at once.
      ttl !== undefined && ttl < 0,
    );
  }

  /** @param {any} key */
  async take(key) {
    given.checkKey(key);
    return (await this.#decide(key, async () => ({ taken: await this.#space.take(key) }))).taken;
  }

  /** @param {any} key */
  async getWithVersion(key) {
    given.checkKey(key);
    const found = await this.#inRedis(() => this.#space.read(key));
    return found?.value === undefined ? undefined : { value: found.value, version: found.version };
  }

  /** @param {any} key @param {any} value @param {string | undefined} version @param {WriteOptions} [options] */
  async setIfVersion(key, value, version, options) {
    const write = readWrite('setIfVersion', options);
    const stands = given.readVersion(version) ?? '';
    const bytes = this.#space.bytesOf(key, value, write);
    given.checkKey(key);
    this.#space.checkSize(write.size);
    return this.#decide(key, async () => this.#space.setIfVersion(key, await bytes(), stands, write));
  }

  /** @param {any} key @param {(value: any) => any} fn @param {UpdateOptions} [options] */
  async update(key, fn, options) {
    given.checkKey(key);
    return update(
      {
        look: () => this.getWithVersion(key),
        store: (value, version, write) => this.setIfVersion(key, value, version, write),
      },
      key,
      fn,
      options,
    );
  }

  /** @param {any} key */
  async getRemainingTTL(key) {
    given.checkKey(key);
    return this.#inRedis(() => this.#space.remainingTtl(key));
  }

  /** A question that only Redis can answer. @template T @param {() => Promise<T>} ask @returns {Promise<T>} */
  async #inRedis(ask) {
    await this.#isThere();
    try {
      return await ask();
    } catch (error) {
      throw isAway(error) ? error : this.#space.refusal(error);
    }
  }

  /** @param {readonly string[]} tags */
  async invalidateTags(tags) {
    const all = readTagNames(tags);
    if (all.length === 0) return;
    let isDone = false;
    if (await this.#isThere()) {
      try {
        await this.#space.invalidateTags(all);
        isDone = true;
      } catch (error) {
        if (!isAway(error)) throw this.#space.refusal(error);
      }
    }
    if (!isDone) await this.#space.oweTags(all);
    await super.invalidateTags(all);
    if (!isDone) this.#whileAway(() => undefined, undefined);
  }

  async healthCheck() {
    await super.healthCheck();
    await this.#inRedis(() => this.#tier.link.call(['PING']));
  }
}

module.exports = { TieredCache };
