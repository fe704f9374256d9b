// `flotillaDriver` in the public suite of Bentocache for drivers, and as the first layer of real caches.

import { setTimeout as pause } from 'node:timers/promises';
import { LRUCacheClustered } from 'flotilla';
import { flotillaDriver } from 'flotilla/bentocache';
import * as vitest from 'vitest';
import { peer } from '../fixtures/peers.mjs';

const { afterAll, afterEach, assert, beforeAll, describe, expect, it, onTestFinished } = vitest;
const [{ BentoCache, bentostore }, { registerCacheDriverTestSuite }] = await Promise.all(
  ['bentocache', 'bentocache/test_suite'].map(peer),
);

describe('the public suite', () => {
  // It is written for another runner: this is what it uses of that, in words of this one.
  const group = {
    setup: (before) => {
      let after;
      beforeAll(async () => {
        after = await before();
      });
      afterAll(() => after());
    },
    tap: () => {},
    each: { teardown: afterEach },
  };
  const test = (name, body) => it(name, () => body({ assert, cleanup: onTestFinished }));
  const { factory, options } = flotillaDriver();
  registerCacheDriverTestSuite({
    test,
    group,
    createDriver: (config) => factory({ prefix: 'suite', ...options, ...config }),
  });
});

it('a prefix is the same with and without colons at its end', () => {
  const driver = (prefix) => flotillaDriver().factory({ prefix });
  driver('app:').set('a', 'one');
  expect([driver('app').get('a'), driver('app::').get('a'), driver('ap').get('p:a')]).toEqual([
    'one',
    'one',
    undefined,
  ]);
});

describe('Bentocache', () => {
  const made = (options) =>
    new BentoCache({
      default: 'one',
      stores: { one: bentostore(options).useL1Layer(flotillaDriver({ namespace: 'bento' })) },
    });
  afterEach(() => made().clear());

  it('shares its first layer: values, tags, namespaces, and what was removed', async () => {
    const [first, second] = [made(), made()];
    let computed = 0;
    const factory = () => ({ computed: ++computed });
    const get = (cache, key) => cache.getOrSet({ key, factory, ttl: '10m', tags: ['all'] });
    expect([await get(first, 'a:b'), await get(second, 'a:b')]).toEqual([{ computed: 1 }, { computed: 1 }]);
    await second.delete({ key: 'a:b' });
    expect(await get(first, 'a:b')).toEqual({ computed: 2 });
    await first.namespace('n').set({ key: 'a:b', value: 3 });
    expect(await second.namespace('n').get({ key: 'a:b' })).toBe(3);
    await second.deleteByTag({ tags: ['all'] });
    expect(await get(first, 'a:b')).toEqual({ computed: 3 });
    await second.set({ key: 'nb', value: 4 });
    await first.namespace('n').clear();
    expect(await second.namespace('n').get({ key: 'a:b' })).toBe(undefined);
    expect(await first.get({ key: 'nb' })).toBe(4);
  });

  it('keeps what has expired for its grace, and no longer than its lifetime otherwise', async () => {
    const cache = made({ ttl: 20, grace: '1m' });
    await cache.set({ key: 'a', value: 1 });
    await pause(40);
    const failing = () => {
      throw new Error('the origin is down');
    };
    expect(await cache.getOrSet({ key: 'a', factory: failing })).toBe(1);
    const without = made({ ttl: 20, grace: false });
    await without.set({ key: 'b', value: 1 });
    await vitest.vi.waitUntil(async () => !(await without.has({ key: 'b' })));
    await expect(without.getOrSet({ key: 'b', factory: failing })).rejects.toThrow();
  });
});

describe('bad input', () => {
  it('is told of by name', () => {
    expect(() => flotillaDriver({ maxItems: 5 })).toThrow(
      expect.objectContaining({ code: 'FLOTILLA_ERR_UNKNOWN_OPTION' }),
    );
    const driver = flotillaDriver({ cache: new LRUCacheClustered({ namespace: 'mine' }) }).factory({});
    expect(() => driver.set('a', undefined)).toThrow(TypeError);
    expect([driver.set('a', 'x', -1), driver.get('a')]).toEqual([true, undefined]);
  });
});
