// The handlers of `flotilla/next` by themselves: streams that break off, tags and keys that are very long, a cache that is full. They use
// Next's own book of tags: by `npm run test:apps` that of the real package, and else one with its three functions.

import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { LRUCacheClustered } from 'flotilla';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { builtAddon, emptyFolder } from '../fixtures/folders.mjs';
import { project } from '../fixtures/peers.mjs';

const book = `
const times = new Map();
const over = (at, since) => at !== undefined && at > since && at <= Date.now();
module.exports = {
  tagsManifest: times,
  areTagsExpired: (tags, since) => tags.some((tag) => over(times.get(tag)?.expired, since)),
  areTagsStale: (tags, since) => tags.some((tag) => times.get(tag)?.stale > since),
};`;

const cleanups = [];
let createNextCacheHandler;
beforeAll(async () => {
  const isReal = Boolean(process.env.FLOTILLA_TEST_APPS);
  const folder = await project(isReal ? ['next'] : [], isReal ? 'next-app' : 'peers', (clean) =>
    cleanups.push(clean),
  );
  const next = path.join(folder, 'node_modules/next');
  if (!isReal) {
    const internals = path.join(next, 'dist/server/lib/incremental-cache');
    mkdirSync(internals, { recursive: true });
    writeFileSync(path.join(internals, 'tags-manifest.external.js'), book);
    writeFileSync(path.join(next, 'package.json'), '{ "name": "next", "version": "16.4.6" }');
  }
  process.env.FLOTILLA_ADDON = builtAddon;
  ({ createNextCacheHandler } = createRequire(path.join(folder, 'program.cjs'))('flotilla/next'));
}, 600_000);
afterAll(() => {
  for (const clean of cleanups) clean();
});
afterEach(() => LRUCacheClustered.getAllCaches().clear());

let caches = 0;
/** A handler with a cache of its own. @param {object} [options] of the cache */
function made(options) {
  const cache = new LRUCacheClustered({ namespace: `handler ${++caches}`, ...options });
  return { cache, Handler: createNextCacheHandler({ cache }), Other: createNextCacheHandler({ cache }) };
}

/** A stream whose parts are given one by one. */
function stream() {
  let controller;
  const value = new ReadableStream({
    start(given) {
      controller = given;
    },
  });
  return {
    value,
    part: (text) => controller.enqueue(Buffer.from(text)),
    end: () => controller.close(),
    fail: () => controller.error(new Error('the render was aborted')),
  };
}

const entry = (value, more) => ({
  value,
  tags: [],
  stale: 300,
  timestamp: Date.now(),
  expire: 3600,
  revalidate: 900,
  ...more,
});

/** A revalidation counts for what is older, in whole milliseconds. */
const later = () => pause(2);

/** An entry whose stream has ended. */
function whole(text, more) {
  const { value, part, end } = stream();
  part(text);
  end();
  return Promise.resolve(entry(value, more));
}

/** What a handler has, as text; nothing where it has nothing. */
async function read(Handler, key, softTags = []) {
  const found = await Handler.get(key, softTags);
  return found && new Response(found.value).text();
}

describe('a value of `use cache`', () => {
  it('is there when its stream has ended, for every handler, and again and again', async () => {
    const { Handler, Other } = made();
    const { value, part, end } = stream();
    const stored = Handler.set('a', Promise.resolve(entry(value)));
    part('one,');
    const waiting = read(Handler, 'a');
    expect(await read(Other, 'a')).toBe(undefined);
    part(' two');
    end();
    await stored;
    // In one process, who asked meanwhile has waited.
    expect(await waiting).toBe('one, two');
    expect([await read(Other, 'a'), await read(Other, 'a')]).toEqual(['one, two', 'one, two']);
  });

  it.each([
    ['whose stream fails half way', ({ part, fail, value }) => [part('half'), fail(), entry(value)].at(-1)],
    [
      'whose stream is another reader’s',
      ({ part, value }) => [part('half'), value.getReader(), entry(value)].at(-1),
    ],
    ['whose stream was cancelled', ({ part, value }) => [part('half'), value.cancel(), entry(value)].at(-1)],
    ['that never came', () => Promise.reject(new Error('the render failed'))],
    ['without a stream', () => entry(undefined)],
    [
      'whose stream has what are no bytes',
      () => entry(new ReadableStream({ start: (to) => [to.enqueue({}), to.close()] })),
    ],
  ])('%s is not stored, and leaves what was there before', async (_name, coming) => {
    const { Handler, Other } = made();
    await Handler.set('a', Promise.resolve(coming(stream())));
    expect([await read(Handler, 'a'), await read(Other, 'a')]).toEqual([undefined, undefined]);
    await Handler.set('a', whole('before'));
    await Handler.set('a', Promise.resolve(coming(stream())));
    expect([await read(Handler, 'a'), await read(Other, 'a')]).toEqual(['before', 'before']);
  });

  it('that has expired, or expires at once, is not there', async () => {
    const { Handler } = made();
    await Handler.set('a', whole('a', { expire: 0 }));
    await Handler.set('b', whole('b', { timestamp: Date.now() - 5000, expire: 1 }));
    await Handler.set('c', whole('c', { expire: 0xfffffffe }));
    expect([await read(Handler, 'a'), await read(Handler, 'b'), await read(Handler, 'c')]).toEqual([
      undefined,
      undefined,
      'c',
    ]);
  });

  it('is whole or not there, while the cache is full and streams are written and break off', async () => {
    const { cache, Handler, Other } = made({ max: 3 });
    const text = (at) => `${at}:`.repeat(20_000).slice(0, 40_000);
    const streams = Array.from({ length: 12 }, stream);
    const sets = streams.map(({ value }, at) => Handler.set(`${at % 5}`, Promise.resolve(entry(value))));
    const [failing, ending] = [0, 1].map((rest) => [...streams.keys()].filter((at) => at % 2 === rest));
    const seen = [];
    const look = async (handler) => {
      seen.push(...(await Promise.all([0, 1, 2, 3, 4].map((key) => read(handler, `${key}`)))));
    };
    const write = async (written, from) => {
      for (const at of written) streams[at].part(text(at).slice(from, from + 10_000));
      await look(Other);
    };
    await write(streams.keys(), 0);
    await write(streams.keys(), 10_000);
    for (const at of failing) streams[at].fail();
    await write(ending, 20_000);
    await write(ending, 30_000);
    for (const at of ending) streams[at].end();
    await Promise.all(sets);
    await look(Handler);
    const known = [undefined, ...ending.map(text)];
    expect(seen.filter((found) => !known.includes(found))).toEqual([]);
    expect(seen.slice(-5).some(Boolean)).toBe(true);
    expect(await cache.size()).toBeLessThanOrEqual(3);
  });

  it('that is too large for the cache is not stored, and harms nothing', async () => {
    const { Handler } = made({ maxSize: 100, maxEntrySize: 10 });
    await expect(Handler.set('a', whole('a'))).resolves.toBe(undefined);
    expect(await read(Handler, 'a')).toBe(undefined);
  });

  it('is found by keys with separators, and by very long ones', async () => {
    const { Handler, Other } = made();
    const long = JSON.stringify(['build', 'id', ['x'.repeat(100_000)]]);
    const keys = ['', ' ', ':', '\0', 'a', 'a\0', 'a/b', 'use a', 'é', '💥', '__proto__', long, `${long} `];
    for (const [at, key] of keys.entries()) await Handler.set(key, whole(`${at}`));
    for (const [at, key] of keys.entries()) expect(await read(Other, key)).toBe(`${at}`);
  });
});

describe('a tag', () => {
  const long = 't'.repeat(10_000);
  const tags = [
    long,
    `${long}x`,
    't'.repeat(512),
    '',
    ' ',
    'a,b',
    'a',
    '\0',
    'é',
    '💥',
    '__proto__',
    '_N_T_/a/[id]/page',
  ];

  it.each(tags.map((tag) => [tag.length > 20 ? `of ${tag.length} characters` : JSON.stringify(tag), tag]))(
    '%s ends what bears it, at every handler, and nothing else',
    async (_name, tag) => {
      const { Handler, Other } = made();
      for (const [at, other] of tags.entries()) await Handler.set(`${at}`, whole(`${at}`, { tags: [other] }));
      await Handler.set('soft', whole('soft'));
      expect(await read(Other, 'soft', [tag])).toBe('soft');
      await later();
      await Other.updateTags([tag]);
      await later();
      const left = await Promise.all(tags.map((_, at) => read(Handler, `${at}`)));
      expect(left).toEqual(tags.map((other, at) => (other === tag ? undefined : `${at}`)));
      expect([await read(Handler, 'soft', [tag]), await read(Handler, 'soft')]).toEqual([undefined, 'soft']);
      expect(await Handler.getExpiration([tag])).toBeGreaterThan(0);
    },
  );

  it('makes what bears it stale for a while, and then ends it', async () => {
    const { Handler, Other } = made();
    await Handler.set('a', whole('a', { tags: [long] }));
    await later();
    await Other.updateTags([long], { expire: 3600 });
    expect((await Handler.get('a', [])).revalidate).toBe(-1);
  });
});

describe('a page', () => {
  const page = (more) => ({
    kind: 'APP_PAGE',
    html: '<p>é</p>',
    rscData: Buffer.from([0, 255]),
    status: 200,
    ...more,
  });
  const how = { kind: 'APP_PAGE', isFallback: false };
  const tagged = (tags) => page({ headers: { 'x-next-cache-tags': tags.join() } });

  it('is what another handler stored, with its bytes, by any key', async () => {
    const { Handler, Other } = made();
    const [first, second] = [new Handler({}), new Other({})];
    const keys = ['/', '/a/b', '/é?x=1', '/a b', '/\0', `/${'long/'.repeat(10_000)}`];
    for (const [at, key] of keys.entries()) await first.set(key, page({ status: 200 + at }), how);
    for (const [at, key] of keys.entries()) {
      const { value } = await second.get(key, how);
      expect(value).toMatchObject({ status: 200 + at, html: '<p>é</p>' });
      expect([...value.rscData]).toEqual([0, 255]);
    }
    expect(await second.get('/never', how)).toBe(null);
  });

  it('is no fetched data, and no value of `use cache`, whatever their keys are', async () => {
    const { Handler, Other } = made();
    const [first, second] = [new Handler({}), new Other({})];
    const data = { kind: 'FETCH', data: { body: 'fetched' }, revalidate: 60 };
    const keys = ['/a', 'fetch /a', 'use /a', 'building /a', 'fetch fetch /a'];
    for (const key of keys) {
      await first.set(key, page({ html: `page ${key}` }), how);
      await first.set(key, { ...data, data: { body: `fetched ${key}` } }, { fetchCache: true });
      await Handler.set(key, whole(`used ${key}`));
    }
    for (const key of keys) {
      expect((await second.get(key, how)).value.html).toBe(`page ${key}`);
      expect((await second.get(key, { kind: 'FETCH' })).value.data.body).toBe(`fetched ${key}`);
      expect(await read(Other, key)).toBe(`used ${key}`);
    }
  });

  it('belongs to its build, and fetched data to all', async () => {
    const { Handler } = made();
    const [old, now] = ['old', 'new'].map((id) => {
      const folder = emptyFolder((clean) => cleanups.push(clean));
      writeFileSync(path.join(folder, 'BUILD_ID'), id);
      return new Handler({ serverDistDir: path.join(folder, 'server') });
    });
    await old.set('/a', page(), how);
    await old.set('a', { kind: 'FETCH', data: { body: 'fetched' } }, { fetchCache: true });
    expect(await now.get('/a', how)).toBe(null);
    expect((await old.get('/a', how)).value.html).toBe('<p>é</p>');
    expect((await now.get('a', { kind: 'FETCH' })).value.data.body).toBe('fetched');
  });

  it('is rendered anew after any of its tags, however long it is', async () => {
    const { Handler, Other } = made();
    const [first, second] = [new Handler({}), new Other({})];
    const tags = ['x'.repeat(10_000), 'short', 'é'.repeat(10_000)];
    for (const tag of tags) {
      await first.set('/a', tagged(tags), how);
      expect(await second.get('/a', how)).not.toBe(null);
      await later();
      await second.revalidateTag(tag);
      await later();
      expect(await first.get('/a', how)).toBe(null);
    }
  });

  it('is not stored where the cache refuses it, and Next is told nothing', async () => {
    const { Handler } = made({ maxSize: 100, maxEntrySize: 10 });
    const handler = new Handler({});
    await expect(handler.set('/a', page(), how)).resolves.toBe(undefined);
    expect(await handler.get('/a', how)).toBe(null);
  });
});
