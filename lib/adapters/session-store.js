/**
 * `FlotillaStore`: sessions of express-session, and of @fastify/session, in the cache that all workers share.
 *
 * A session is stored whole or not at all, as the JSON that express-session documents. Its lifetime is that of its
 * cookie. If a process dies between two requests of a visitor, any other one knows the session.
 */

/** @import { SessionStoreOptions } from '../doors/express-session.js' */
/** @typedef {{ cookie?: { expires?: Date | string | number | null } }} SessionData what a store looks at */

const { EventEmitter } = require('node:events');
const { checkFlag, invalid } = require('../cache/invalid.js');
const { keyspace } = require('./keyspace.js');

const DAY = 24 * 60 * 60_000;

/** @typedef {(error?: any, result?: any) => void} Callback */

/**
 * @template T
 * @param {Promise<T>} promise
 * @param {Callback} [callback]
 */
function answer(promise, callback) {
  if (typeof callback !== 'function') {
    // express-session leaves the callback out where its user did: that must not end the process.
    promise.catch(() => {});
    return promise;
  }
  promise.then(
    (result) => process.nextTick(callback, null, result),
    (error) => process.nextTick(callback, error),
  );
  return undefined;
}

/**
 * The base of all stores of express-session, which alone knows how to make a session of what is stored. Nobody but
 * express-session asks for it, so it is there.
 */
const base = () => require('express-session').Store.prototype;

/** @param {string} name @param {unknown} ttl @returns {number} in whole milliseconds */
function checkedTtl(name, ttl) {
  if (typeof ttl === 'number' && !Number.isNaN(ttl)) return Math.ceil(ttl);
  throw invalid(name, 'a time', ttl);
}

/** What makes of a stored session, if there is one, the same with this cookie. @param {object} cookie */
const renewed = (cookie) => (/** @type {string | undefined} */ stored) =>
  stored === undefined ? undefined : JSON.stringify({ ...JSON.parse(stored), cookie });

/** A session whose lifetime cannot begin again, as Redis is away, has the one that it had. @param {any} error */
function unlessAway(error) {
  if (error?.code !== 'FLOTILLA_ERR_TIER_AWAY') throw error;
}

class FlotillaStore extends EventEmitter {
  #space;
  #ttl;
  #disableTouch;

  /** @param {SessionStoreOptions} [options] */
  constructor(options = {}) {
    super();
    const { ttl = DAY, disableTouch = false } = options;
    if (typeof ttl !== 'function' && !(typeof ttl === 'number' && ttl > 0)) {
      throw invalid('ttl', 'a positive number of milliseconds, or a function', ttl);
    }
    checkFlag('disableTouch', disableTouch);
    const defaults = { namespace: 'sessions', max: 100_000, prefix: 'sess:' };
    this.#space = keyspace(options, defaults, 'FlotillaStore', ['ttl', 'disableTouch']);
    this.#ttl = ttl;
    this.#disableTouch = disableTouch;
  }

  get cache() {
    return this.#space.cache;
  }

  /** @param {string} id @param {Callback} [callback] */
  get(id, callback) {
    return answer(this.#get(id), callback);
  }

  /** @param {string} id @param {SessionData} session @param {Callback} [callback] */
  set(id, session, callback) {
    return answer(this.#set(id, session), callback);
  }

  /** @param {string} id @param {SessionData} session @param {Callback} [callback] */
  touch(id, session, callback) {
    return answer(this.#disableTouch ? Promise.resolve() : this.#touch(id, session), callback);
  }

  /** @param {string} id @param {Callback} [callback] */
  destroy(id, callback) {
    return answer(this.#destroy(id), callback);
  }

  /** @param {Callback} [callback] */
  all(callback) {
    return answer(this.#all(), callback);
  }

  /** @param {Callback} [callback] */
  length(callback) {
    return answer(this.#length(), callback);
  }

  /** @param {Callback} [callback] */
  clear(callback) {
    return answer(this.#space.clear(), callback);
  }

  /** @param {any} request @param {Callback} callback */
  regenerate(request, callback) {
    return base().regenerate.call(/** @type {any} */ (this), request, callback);
  }

  /** @param {string} id @param {Callback} callback */
  load(id, callback) {
    return base().load.call(/** @type {any} */ (this), id, callback);
  }

  /** @param {any} request @param {any} session @returns {any} */
  createSession(request, session) {
    return base().createSession.call(/** @type {any} */ (this), request, session);
  }

  /** @param {SessionData} session @returns {number} what is left of its life; 0 or less where it has ended */
  #lifetime(session) {
    if (typeof this.#ttl === 'function')
      return checkedTtl('what the function ttl returns', this.#ttl(session));
    const expires = session.cookie?.expires;
    if (!expires) return this.#ttl;
    return checkedTtl('cookie.expires', new Date(expires).getTime() - Date.now());
  }

  /** @param {string} id */
  async #get(id) {
    const stored = await this.cache.get(this.#space.key(id));
    return stored === undefined ? undefined : JSON.parse(stored);
  }

  /** @param {string} id @param {SessionData} session */
  async #set(id, session) {
    const ttl = this.#lifetime(session);
    if (ttl > 0) await this.cache.set(this.#space.key(id), JSON.stringify(session), { ttl });
    else await this.#destroy(id);
  }

  /** @param {string} id */
  async #destroy(id) {
    await this.cache.delete(this.#space.key(id));
  }

  /**
   * The lifetime begins again, with the expiry of the cookie that is kept, and what another worker stored meanwhile stays.
   * One that has been destroyed meanwhile does not come back.
   *
   * @param {string} id
   * @param {SessionData} session
   */
  async #touch(id, session) {
    const ttl = this.#lifetime(session);
    const key = this.#space.key(id);
    if (!(ttl > 0)) return this.#destroy(id);
    const touched = session.cookie?.expires
      ? this.cache.update(key, renewed(session.cookie), { ttl })
      : this.cache.touch(key, { ttl });
    await touched.catch(unlessAway);
  }

  async #all() {
    return (await this.#space.entries()).map(([id, stored]) => ({ ...JSON.parse(stored), id }));
  }

  async #length() {
    return (await this.#space.keys()).length;
  }
}

module.exports = { FlotillaStore };
