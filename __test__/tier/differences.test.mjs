// What the table of docs/fleet.md says is not the same with a second tier and without, done on both.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { LRUCacheClustered, redisTier } from '../../index.mjs';
import { root } from '../fixtures/folders.mjs';
import { forTheFile, startRedis, until } from '../fixtures/tier.mjs';
import { connectTo } from '../fixtures/tier-clients.mjs';

const whenDone = forTheFile();
/** @type {any} */
let client;
beforeAll(async () => {
  const redis = await startRedis({ whenDone });
  client = await connectTo('ioredis', redis.port);
  whenDone(() => client.disconnect());
});

let made = 0;
/** @param {boolean} hasTier @param {object} [options] */
const make = (hasTier, options) =>
  new LRUCacheClustered({
    namespace: `differs ${++made}`,
    ...(hasTier && { tier: redisTier({ client, timeout: 10_000 }) }),
    ...options,
  });

/** @param {() => any} call */
async function codeOf(call) {
  try {
    return await call();
  } catch (error) {
    return /** @type {any} */ (error).code ?? /** @type {any} */ (error).message;
  }
}

/** A fetcher that says when it runs, and ends when it is told to. */
function held() {
  let begin = () => {};
  const begun = /** @type {Promise<void>} */ (new Promise((resolve) => (begin = resolve)));
  /** @type {(value: any) => void} */
  let end = () => {};
  const bring = () => {
    begin();
    return new Promise((resolve) => (end = resolve));
  };
  return { begun, bring, end: (/** @type {any} */ value) => end(value) };
}

const passed = (/** @type {number} */ time) => new Promise((resolve) => setTimeout(resolve, time));
const fails = () => Promise.reject(new Error('no luck'));

/** Rows of the table, by how they begin: what is done with a cache, what it answers with a tier, and without. @type {Record<string, [act: (cache: any, hasTier: boolean) => Promise<any>, withTier: any, without: any]>} */
const rows = {
  '`sync`': [
    async (cache) => [await codeOf(() => cache.sync.set('a', 1) && 'stored'), cache.sync.get('a')],
    ['FLOTILLA_ERR_TIER_SYNC', undefined],
    ['stored', 1],
  ],
  '`keys`': [
    async (cache, hasTier) => {
      await cache.set('a', 1);
      if (hasTier)
        await until(
          () => cache.keys(),
          (keys) => keys.length === 0,
        );
      const seen = [
        await cache.keys(),
        await cache.size(),
        await cache.dump(),
        (await cache.usage()).entries,
      ];
      return [...seen, await cache.get('a')];
    },
    [[], 0, [], 0, 1],
    [['a'], 1, [['a', expect.objectContaining({ value: 1 })]], 1, 1],
  ],
  '`get`, `peek`, `has`': [
    async (cache) => {
      const { begun, bring, end } = held();
      const fetched = cache.fetch('a', bring);
      await begun;
      const asked = [cache.get('a'), cache.peek('a'), cache.has('a')];
      // Without a tier, they are answered before it ends.
      await passed(50);
      end('brought');
      await fetched;
      return Promise.all(asked);
    },
    ['brought', 'brought', true],
    [undefined, undefined, false],
  ],
  '`load`': [
    async (cache) => {
      await cache.load([
        ['a', { value: 1, version: '00000000000000ff' }],
        ['over', { value: 1, ttl: 5, start: Date.now() - 1000 }],
      ]);
      return [
        await cache.get('a'),
        await cache.has('over'),
        await cache.setIfVersion('a', 2, '00000000000000ff'),
      ];
    },
    [1, false, false],
    [1, false, true],
  ],
  '`getWithVersion`': [
    async (cache, hasTier) => {
      await cache.set('a', 1, { ttl: 60_000 });
      // As another machine would, of which nobody has told yet.
      if (hasTier) await client.pexpire(`flotilla:${encodeURIComponent(cache.namespace)}:k=a`, 5000);
      const left = await cache.getRemainingTTL('a');
      return [(await cache.getWithVersion('a')).value, left <= 5000];
    },
    [1, true],
    [1, false],
  ],
  '`staleWhileRevalidate`': [
    async (cache, hasTier) => {
      await cache.fetch('a', () => 'old', { ttl: 20, staleIfError: 60_000 });
      if (hasTier) {
        const name = `flotilla:${encodeURIComponent(cache.namespace)}:k=a`;
        await until(
          () => client.exists(name),
          (there) => there === 0,
        );
        await until(
          () => cache.size(),
          (size) => size === 0,
        );
      } else
        await until(
          () => cache.has('a'),
          (has) => !has,
        );
      return codeOf(() => cache.fetch('a', fails, { staleIfError: 60_000 }));
    },
    'no luck',
    'old',
  ],
  '`forceRefresh`': [
    async (cache) => {
      const { begun, bring, end } = held();
      const first = cache.fetch('a', bring);
      await begun;
      const forced = await codeOf(() => cache.fetch('a', fails, { forceRefresh: true }));
      end('good');
      return [await first, forced, await cache.get('a')];
    },
    ['good', 'no luck', undefined],
    ['good', 'no luck', 'good'],
  ],
  '`lease`': [
    async (cache) => {
      await cache.healthCheck();
      const { begun, bring, end } = held();
      const hung = cache.fetch('a', bring, { lease: 100 });
      await begun;
      const taken = await cache.fetch('a', () => 'in time');
      end('late');
      return [taken, await hung, await cache.get('a')];
    },
    ['in time', 'late', 'in time'],
    ['in time', 'late', 'in time'],
  ],
  '`max()`': [
    async (cache) => {
      const said = await cache.ttl(5000);
      await cache.set('a', 1);
      return [said, (await cache.getRemainingTTL('a')) <= 5000];
    },
    [5000, false],
    [5000, true],
  ],
  '`max`, `maxSize`': [
    async (_cache, hasTier) => {
      const small = make(hasTier, { max: 2 });
      for (const key of [1, 2, 3]) await small.set(key, key);
      return [...(await small.mGet([1, 2, 3])).values()];
    },
    [1, 2, 3],
    [undefined, 2, 3],
  ],
  '`destroy`': [
    async (cache) => {
      await cache.set('a', 1);
      return [await cache.destroy(), await cache.get('a')];
    },
    [true, 1],
    [true, undefined],
  ],
};

describe('with a tier', () => {
  it.each(Object.entries(rows))('%s', async (_row, [act, withTier, without]) => {
    expect(await act(make(true), true)).toEqual(withTier);
    expect(await act(make(false), false)).toEqual(without);
  });

  it('refreshAhead looks into Redis first', async () => {
    const cache = make(true, { refreshAhead: 1e9 });
    const bring = async () => 'fetched';
    await cache.set('a', 'in Redis');
    await cache.get('a');
    // Each read is one that refreshes, in the background: what it finds in Redis is not fetched.
    for (let read = 0; read < 5; read++) expect(await cache.fetch('a', bring)).toBe('in Redis');
  });
});

it('has a table that says these, and no others', () => {
  const [, table] =
    /## What differs from a cache without a tier\n\n\| \| \|\n\| --- \| --- \|\n(.*?)\n\n/s.exec(
      readFileSync(path.join(root, 'docs/fleet.md'), 'utf8'),
    ) ?? [''];
  const said = table.split('\n').map((/** @type {string} */ row) => row.slice(2));
  const done = [...Object.keys(rows), '`refreshAhead`'];
  const rowOf = (/** @type {string} */ begin) =>
    said.findIndex((/** @type {string} */ row) => row.startsWith(begin));
  expect(new Set(done.map(rowOf))).toEqual(new Set(said.keys()));
});
