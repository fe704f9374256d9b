/**
 * `UndiciFlotilla`: the store of undici’s HTTP cache (`interceptors.cache`, undici 7 and 8), which all workers share.
 *
 * A response is stored whole when its last byte has come, and not at all if it breaks off: no reader sees a part of one. Each form of a
 * resource, by the request headers that its `Vary` names, is an entry of its own; a list of the headers that have counted leads
 * to them. All bear the resource as a tag, so that one step removes them.
 */

/** @import { UndiciFlotillaOptions } from '../doors/undici.js' */
/** @typedef {{ origin: string, method: string, path: string, headers?: Record<string, any> | null }} Request */

const { createHash } = require('node:crypto');
const { Writable } = require('node:stream');
const { invalid } = require('../cache/invalid.js');
const { keyspace } = require('./keyspace.js');
const { lifetime, setFor } = require('./lifetime.js');

const DEFAULTS = { namespace: 'undici', max: 10_000, prefix: 'undici:' };
const MAX_ENTRY_SIZE = 5 * 1024 * 1024;
/** How many lists of headers are known of a resource. */
const FORMS = 16;
/** The longest text that is used as it is. */
const LONG = 512;

/** @param {string} text */
const shortened = (text) =>
  text.length <= LONG ? text : `sha256:${createHash('sha256').update(text).digest('base64url')}`;

/** @param {any} request @returns {Request} */
function checked(request) {
  if (typeof request !== 'object' || request === null) throw invalid('key', 'an object', request);
  for (const name of ['origin', 'method', 'path']) {
    if (typeof request[name] !== 'string') throw invalid(`key.${name}`, 'a string', request[name]);
  }
  return request;
}

/** What tells one form of a resource from the others. @param {string[]} names @param {Record<string, any>} headers */
const formOf = (names, headers) => JSON.stringify(names.map((name) => [name, headers[name] ?? null]));

class UndiciFlotilla {
  #space;
  #maxEntrySize;

  /** @param {UndiciFlotillaOptions} [options] */
  constructor(options = {}) {
    const { maxEntrySize = MAX_ENTRY_SIZE } = options;
    this.#space = keyspace(options, DEFAULTS, 'UndiciFlotilla', ['maxEntrySize']);
    if (!Number.isSafeInteger(maxEntrySize) || maxEntrySize < 0) {
      throw invalid('maxEntrySize', 'a whole number of bytes', maxEntrySize);
    }
    this.#maxEntrySize = maxEntrySize;
  }

  get cache() {
    return this.#space.cache;
  }

  /** @param {Request} request */
  #resource({ origin, path }) {
    return shortened(JSON.stringify([origin, path]));
  }

  /** The key of a form, or of the list of headers. @param {Request} request @param {string} [form] */
  #key(request, form = '') {
    return this.#space.key(`${request.method} ${this.#resource(request)} ${shortened(form)}`);
  }

  /** @param {Request} request @returns {Promise<string[][]>} the names of headers that have counted, the newest first */
  async #known(request) {
    return (await this.cache.get(this.#key(request))) ?? [];
  }

  /** @param {Request} request */
  async get(request) {
    const { headers } = checked(request);
    const now = Date.now();
    for (const names of await this.#known(request)) {
      const found = await this.cache.get(this.#key(request, formOf(names, headers ?? {})));
      if (found !== undefined && found.deleteAt > now) return { ...found, body: [found.body] };
    }
    return undefined;
  }

  /** @param {Request} request @param {any} response */
  createWriteStream(request, response) {
    checked(request);
    if (typeof response?.statusCode !== 'number' || typeof response.deleteAt !== 'number') {
      throw invalid('value', 'a response with its statusCode and deleteAt', response);
    }
    const store = this;
    /** @type {Buffer[]} */
    const chunks = [];
    let size = 0;
    return new Writable({
      write(chunk, _encoding, callback) {
        size += chunk.length;
        if (size > store.#maxEntrySize) this.destroy();
        else chunks.push(chunk);
        callback();
      },
      final(callback) {
        store.#store(request, response, Buffer.concat(chunks, size)).then(() => callback(), callback);
      },
    });
  }

  /** @param {Request} request @param {any} response @param {Buffer} body */
  async #store(request, response, body) {
    const headers = request.headers ?? {};
    const names = Object.keys(response.vary ?? {}).sort();
    const tags = [this.#resource(request)];
    const key = this.#key(request, formOf(names, { ...headers, ...response.vary }));
    const left = lifetime(response.deleteAt - Date.now());
    await setFor(this.cache, key, { ...response, body }, left, { tags });
    /** @type {string[][]} */
    let others = [];
    const added = (/** @type {string[][]} */ known = []) => {
      others = known.filter((other) => other.join() !== names.join()).slice(0, FORMS - 1);
      return [names, ...others];
    };
    await this.cache.update(this.#key(request), added, { ttl: 0, tags });
    // What answered such a request before is outdated, whatever it varied by.
    await this.cache.mDelete(others.map((other) => this.#key(request, formOf(other, headers))));
  }

  /** All forms of a resource, for all methods. @param {Request} request */
  async delete(request) {
    await this.cache.invalidateTags([this.#resource(checked(Object.assign({ method: '' }, request)))]);
  }
}

module.exports = { UndiciFlotilla };
