/**
 * `KeyvFlotilla`: what Keyv 5 and 6 store, in the cache that all workers share; and through Keyv cache-manager, NestJS's
 * cache module, got and cacheable-request.
 *
 * Keyv 5 says how long an entry lives, and Keyv 6 when its life ends. Which of the two a store belongs to, Keyv 6 tells by
 * asking for `capabilities`, which no other version does. So one store belongs to one version. It also belongs to one
 * namespace at a time, as with every store of Keyv: each Keyv needs a store of its own.
 *
 * What is full forgets what was used the longest ago: this is a cache, and no database.
 */

/** @import { KeyvFlotillaOptions } from '../doors/keyv.js' */

const { EventEmitter } = require('node:events');
const { keyspace } = require('./keyspace.js');
const { lifetime, setFor } = require('./lifetime.js');

/** What Keyv 6 asks a store for. */
const METHODS = [
  ...['get', 'getMany', 'has', 'hasMany', 'set', 'setMany', 'delete', 'deleteMany', 'clear', 'disconnect'],
  'iterator',
];
const CAPABILITIES = {
  compatible: true,
  store: 'keyvStorage',
  methods: Object.fromEntries(METHODS.map((name) => [name, { exists: true, methodType: 'async' }])),
  expires: true,
};

class KeyvFlotilla extends EventEmitter {
  #space;
  /** @type {string | undefined} */
  #namespace;
  #prefix = ':';
  /** Whether times are moments, as in Keyv 6, and no durations. */
  #moments = false;
  /** Keyv 5 has an iterator for the databases that it knows by name, and for no other store. */
  opts = { dialect: 'redis', url: 'flotilla' };

  /** @param {KeyvFlotillaOptions} [options] */
  constructor(options = {}) {
    super();
    // Each Keyv listens for errors.
    this.setMaxListeners(0);
    this.#space = keyspace(options, { namespace: 'keyv', max: 100_000, prefix: 'keyv:' }, 'KeyvFlotilla');
  }

  get cache() {
    return this.#space.cache;
  }

  get capabilities() {
    this.#moments = true;
    return CAPABILITIES;
  }

  get namespace() {
    return this.#namespace;
  }

  set namespace(namespace) {
    this.#namespace = namespace;
    // With its length, no name can be taken for another one with a part of a key.
    this.#prefix = namespace === undefined ? ':' : `${namespace.length}:${namespace}:`;
  }

  /** @param {string} key */
  #key(key) {
    return this.#space.key(this.#prefix + key);
  }

  /** @param {number | null | undefined} time */
  #lifetime(time) {
    return lifetime(this.#moments && typeof time === 'number' ? time - Date.now() : time);
  }

  /** @param {string} key */
  get(key) {
    return this.cache.get(this.#key(key));
  }

  /** @param {string[]} keys @returns {Promise<any[]>} */
  async getMany(keys) {
    const names = keys.map((key) => this.#key(key));
    const found = await this.cache.mGet(names);
    return names.map((name) => found.get(name));
  }

  /** @param {string} key @param {any} value @param {number} [time] @returns {Promise<boolean>} */
  async set(key, value, time) {
    return setFor(this.cache, this.#key(key), value, this.#lifetime(time));
  }

  /** @param {{ key: string, value: any, ttl?: number, expires?: number }[]} entries */
  setMany(entries) {
    return Promise.all(entries.map(({ key, value, ttl, expires }) => this.set(key, value, expires ?? ttl)));
  }

  /** @param {string} key */
  delete(key) {
    return this.cache.delete(this.#key(key));
  }

  /** @param {string[]} keys @returns {Promise<any>} of each whether it was there; for Keyv 5 whether all were */
  async deleteMany(keys) {
    const were = await Promise.all(keys.map((key) => this.delete(key)));
    return this.#moments ? were : were.every(Boolean);
  }

  /** @param {string} key */
  has(key) {
    return this.cache.has(this.#key(key));
  }

  /** @param {string[]} keys */
  hasMany(keys) {
    return Promise.all(keys.map((key) => this.has(key)));
  }

  /** Those of the namespace; without one, of all of them. */
  async clear() {
    await this.#space.clear(this.#namespace === undefined ? '' : this.#prefix);
  }

  /** Over what is there when it begins, less what has gone by the time that it comes to it. @returns {AsyncGenerator<any, void>} */
  async *iterator() {
    const prefix = this.#key('');
    for (const name of await this.#space.keys(this.#prefix)) {
      const value = await this.cache.peek(name);
      if (value !== undefined) yield [name.slice(prefix.length), value];
    }
  }

  /** There is nothing to disconnect from. */
  async disconnect() {}
}

module.exports = { KeyvFlotilla };
