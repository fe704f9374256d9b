/**
 * `NextCacheHandler`: both caches of Next.js 16 in the memory that all workers share: as `cacheHandler` what was rendered and fetched,
 * as `cacheHandlers` what `use cache` brought. One class is both, so that both lines of a configuration name one file.
 *
 * When a tag was revalidated stands in the shared memory too; whoever looks an entry up tells Next’s own manifest of tags first. So a
 * tag is revalidated for all workers at once, stale ones included. A value is stored when its stream has ended, and not at all if
 * that breaks off. What was rendered by `next build` is read from its files once, and belongs to that build, as does all that is rendered.
 *
 * In one process a `get` waits for a `set` under way; in two, both may render. Of tags, the 100,000 that were used last are known.
 */

/** @import { NextCacheHandlerOptions } from '../doors/next.js' */

const { createHash } = require('node:crypto');
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { secondTierOf } = require('../cache/second-tier.js');
const { keyspace } = require('./keyspace.js');
const { lifetime, setFor } = require('./lifetime.js');
const { checkPeer } = require('./peer.js');

const INTERNALS = 'next/dist/server/lib/incremental-cache';
const TAGS_HEADER = 'x-next-cache-tags';
/** The longest text that is used as it is. */
const LONG = 512;

/** @param {string} text */
const shortened = (text) =>
  text.length <= LONG ? text : `sha256:${createHash('sha256').update(text).digest('base64url')}`;

/** @typedef {{ stale?: number, expired?: number }} Revalidated */

/** Next’s own book of tags in this process. @type {any} */
let book;

function manifest() {
  if (book === undefined) {
    checkPeer('flotilla/next', 'next', [16]);
    book = require(`${INTERNALS}/tags-manifest.external.js`);
  }
  return book;
}

/** A cache that is locked for a while, or full of what cannot go, is one without the entry. @param {any} error */
function unlessOurs(error) {
  if (!String(error?.code).startsWith('FLOTILLA_ERR_') && error?.message !== 'IPC timeout') throw error;
  return undefined;
}

/** @param {string} [folder] @returns {string} the build that Next serves */
function buildOf(folder) {
  try {
    return readFileSync(path.join(folder ?? '', '../BUILD_ID'), 'utf8');
  } catch {
    return 'building';
  }
}

/** What an entry bears, and what it is asked for by. @param {any} value @param {any} ctx @returns {string[]} */
function tagsOf(value, { tags = [], softTags = [] }) {
  const rendered = value?.headers?.[TAGS_HEADER];
  const own = typeof rendered === 'string' ? rendered.split(',') : (value?.tags ?? []);
  return [...new Set([...own, ...tags, ...softTags])];
}

/** @param {ReadableStream<Uint8Array>} stream */
async function bytesOf(stream) {
  const chunks = [];
  for await (const chunk of /** @type {any} */ (stream)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** @param {Uint8Array} bytes */
const streamOf = (bytes) =>
  new ReadableStream({
    start(controller) {
      controller.enqueue(new Uint8Array(bytes));
      controller.close();
    },
  });

/** @param {NextCacheHandlerOptions} [options] */
function createNextCacheHandler(options = {}) {
  const space = keyspace(options, { namespace: 'next', max: 10_000, prefix: '' }, 'createNextCacheHandler');
  const { cache } = space;
  const { cache: tagTimes } = keyspace(
    { namespace: `${cache.namespace}, tags`, tier: secondTierOf(cache)?.tier },
    { namespace: '', max: 100_000, prefix: '' },
    'createNextCacheHandler',
  );
  /** The sets under way in this process. @type {Map<string, Promise<void>>} */
  const pending = new Map();
  /** By the folder that Next serves from. @type {Map<string | undefined, string>} */
  const builds = new Map();

  /** Brings what all workers know of these tags into this process. @param {string[]} tags */
  async function learn(tags) {
    const { tagsManifest } = manifest();
    if (tags.length === 0) return;
    const times = await tagTimes.mGet(tags.map(shortened));
    for (const tag of tags) {
      const time = times?.get(shortened(tag));
      if (time !== undefined) tagsManifest.set(tag, time);
    }
  }

  /** @param {string | string[]} given @param {{ expire?: number }} [durations] in seconds */
  async function revalidate(given, durations) {
    const now = Date.now();
    const later = durations?.expire === undefined ? {} : { expired: now + durations.expire * 1000 };
    /** @type {Revalidated} */
    const times = durations ? { stale: now, ...later } : { expired: now };
    const tags = [given].flat();
    await Promise.all(
      tags.map((tag) =>
        tagTimes.update(shortened(tag), (/** @type {any} */ known) => ({ ...known, ...times })),
      ),
    );
    await learn(tags);
  }

  return class NextCacheHandler {
    #context;
    #build;

    /** @param {any} context */
    constructor(context) {
      this.#context = context ?? {};
      const folder = this.#context.serverDistDir;
      if (!builds.has(folder)) builds.set(folder, buildOf(folder));
      this.#build = builds.get(folder);
    }

    /** @param {string} key @param {any} ctx */
    #key(key, ctx) {
      const isFetched = ctx.kind === 'FETCH' || ctx.fetchCache === true;
      return space.key(shortened(isFetched ? `fetch ${key}` : `${this.#build} ${key}`));
    }

    /** @param {string} key @param {any} ctx */
    async get(key, ctx) {
      const place = this.#key(key, ctx);
      const found = (await cache.get(place).catch(unlessOurs)) ?? (await this.#seed(place, key, ctx));
      if (!found) return null;
      const tags = tagsOf(found.value, ctx);
      await learn(tags);
      const revalidated = this.#context.revalidatedTags ?? [];
      if (ctx.kind === 'FETCH' && tags.some((tag) => revalidated.includes(tag))) return null;
      return manifest().areTagsExpired(tags, found.lastModified) ? null : found;
    }

    /** What `next build` has rendered. @param {string} place @param {string} key @param {any} ctx */
    async #seed(place, key, ctx) {
      const { fs, serverDistDir, revalidatedTags = [] } = this.#context;
      if (ctx.kind === 'FETCH' || !fs || !serverDistDir) return undefined;
      manifest();
      const { default: Files } = require(`${INTERNALS}/file-system-cache.js`);
      const found = await new Files({ fs, serverDistDir, revalidatedTags, flushToDisk: false }).get(key, ctx);
      if (found) await cache.setIfAbsent(place, found).catch(unlessOurs);
      return found ?? undefined;
    }

    /** @param {string} key @param {any} value @param {any} ctx */
    async set(key, value, ctx) {
      const entry = {
        value,
        lastModified: Date.now(),
        cacheControl: ctx.fetchCache ? undefined : ctx.cacheControl,
      };
      await cache.set(this.#key(key, ctx), entry).catch(unlessOurs);
    }

    /** @param {string | string[]} tags @param {{ expire?: number }} [durations] */
    revalidateTag(tags, durations) {
      return revalidate(tags, durations);
    }

    resetRequestCache() {}

    /** @param {string} key @param {string[]} softTags */
    static async get(key, softTags) {
      await pending.get(key);
      const found = await cache.get(space.key(shortened(`use ${key}`))).catch(unlessOurs);
      if (found === undefined) return undefined;
      const { bytes, ...entry } = found;
      await learn([...entry.tags, ...softTags]);
      const { areTagsExpired, areTagsStale } = manifest();
      const isOver = Date.now() > entry.timestamp + entry.expire * 1000;
      if (isOver || areTagsExpired([...entry.tags, ...softTags], entry.timestamp)) return undefined;
      const revalidate = areTagsStale(entry.tags, entry.timestamp) ? -1 : entry.revalidate;
      return { ...entry, revalidate, value: streamOf(bytes) };
    }

    /** @param {string} key @param {Promise<any>} coming */
    static async set(key, coming) {
      const under = deferred();
      pending.set(key, under.promise);
      try {
        const { value, ...entry } = await coming;
        if (entry.expire === 0) return;
        const bytes = await bytesOf(value);
        // A stream without a byte was cancelled before: what is rendered has some.
        if (bytes.length === 0) return;
        const left = lifetime(entry.timestamp + entry.expire * 1000 - Date.now());
        await setFor(cache, space.key(shortened(`use ${key}`)), { ...entry, bytes }, left).catch(unlessOurs);
      } catch {
        // What breaks off is not stored.
      } finally {
        if (pending.get(key) === under.promise) pending.delete(key);
        under.resolve();
      }
    }

    /** Each lookup learns what it needs. */
    static async refreshTags() {}

    /** @param {string[]} tags */
    static async getExpiration(tags) {
      await learn(tags);
      const { tagsManifest } = manifest();
      return Math.max(0, ...tags.map((tag) => tagsManifest.get(tag)?.expired ?? 0));
    }

    /** @param {string[]} tags @param {{ expire?: number }} [durations] */
    static updateTags(tags, durations) {
      return revalidate(tags, durations);
    }
  };
}

/** A promise, and what settles it. */
function deferred() {
  /** @type {any} */
  const made = {};
  made.promise = new Promise((resolve) => {
    made.resolve = resolve;
  });
  return made;
}

module.exports = { createNextCacheHandler };
