// `unstorageFlotilla` as the driver of real storages, of unstorage 1 and 2, beside their own driver in memory.

import { LRUCacheClustered } from 'flotilla';
import { unstorageFlotilla } from 'flotilla/unstorage';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { peer } from '../fixtures/peers.mjs';

const versions = [
  ['1', 'unstorage'],
  ['2', 'unstorage2'],
];
afterEach(() => LRUCacheClustered.getAllCaches().clear());

describe.each(versions)('unstorage %s', async (_version, name) => {
  const [{ createStorage, prefixStorage, snapshot, restoreSnapshot }, { default: memory }] =
    await Promise.all([name, `${name}/drivers/memory`].map(peer));

  describe.each([
    ['its own driver in memory', () => memory()],
    ['the cache of all workers', () => unstorageFlotilla()],
  ])('with %s', (_driver, make) => {
    it('has, gives, sets and removes items of any kind', async () => {
      const storage = createStorage({ driver: make() });
      const values = {
        's1:a': 'test_data',
        's2:a': 'x',
        's3:a?q=1': 0,
        'é/ü': false,
        o: { a: [1, null] },
        n: null,
      };
      for (const [key, value] of Object.entries(values)) await storage.setItem(key, value);
      for (const [key, value] of Object.entries(values))
        expect(await storage.getItem(key), key).toEqual(value);
      expect([await storage.hasItem('s1:a'), await storage.hasItem('s1')]).toEqual([true, false]);
      expect(await storage.getItem('missing')).toBe(null);
      await storage.removeItem('s1:a');
      expect([await storage.hasItem('s1:a'), await storage.getItem('s1:a')]).toEqual([false, null]);
      await storage.setItem('s2:a', undefined);
      expect(await storage.hasItem('s2:a')).toBe(false);
    });

    it('lists keys, all and under a base, and removes them', async () => {
      const storage = createStorage({ driver: make() });
      for (const key of ['s1:a', 's1:b:c', 's10:a', 's2:a']) await storage.setItem(key, key);
      expect((await storage.getKeys()).sort()).toEqual(['s10:a', 's1:a', 's1:b:c', 's2:a']);
      expect((await storage.getKeys('s1')).sort()).toEqual(['s1:a', 's1:b:c']);
      expect(await storage.getKeys('', { maxDepth: 0 })).toEqual([]);
      await storage.clear();
      expect(await storage.getKeys()).toEqual([]);
    });

    it('keeps bytes as they are', async () => {
      const storage = createStorage({ driver: make() });
      const bytes = new Uint8Array([0, 255, 10, 13, 128]);
      await storage.setItemRaw('bytes', bytes);
      expect([...(await storage.getItemRaw('bytes'))]).toEqual([...bytes]);
    });

    it('sets and gives several at once, and under prefixes', async () => {
      const storage = prefixStorage(createStorage({ driver: make() }), 'p');
      const whole = createStorage({ driver: make() });
      await whole.setItems([
        { key: 'a', value: 1 },
        { key: 'b:c', value: { d: 2 } },
      ]);
      const found = await whole.getItems(['a', 'b:c', 'x']);
      expect(found.map(({ key, value }) => [key, value ?? null])).toEqual([
        ['a', 1],
        ['b:c', { d: 2 }],
        ['x', null],
      ]);
      await storage.setItem('a', 3);
      expect(await storage.getItem('a')).toBe(3);
    });

    it('keeps what is known of an item, and takes snapshots', async () => {
      const storage = createStorage({ driver: make() });
      await storage.setItem('a', 1);
      await storage.setMeta('a', { made: 'today' });
      expect(await storage.getMeta('a')).toMatchObject({ made: 'today' });
      const taken = await snapshot(storage, '');
      await storage.clear();
      await restoreSnapshot(storage, taken);
      expect(await storage.getItem('a')).toBe(1);
    });
  });

  it('shares its items with every other storage of the base, also when one is done with', async () => {
    const [first, second, other] = ['a', 'a', 'ab'].map((base) => {
      const storage = createStorage();
      storage.mount('m', unstorageFlotilla({ base }));
      return storage;
    });
    await first.setItem('m:x', 1);
    await other.setItem('m:x', 2);
    expect([await second.getItem('m:x'), await other.getItem('m:x')]).toEqual([1, 2]);
    await second.clear('m');
    await second.dispose();
    expect([await first.getItem('m:x'), await other.getItem('m:x')]).toEqual([null, 2]);
    await other.dispose();
    expect(await createStorage({ driver: unstorageFlotilla({ base: 'ab' }) }).getItem('x')).toBe(2);
  });

  it('lets an item live for the seconds of the item, or else of the driver', async () => {
    const storage = createStorage({ driver: unstorageFlotilla({ ttl: 60 }) });
    const cache = unstorageFlotilla().getInstance();
    await storage.setItem('a', 1);
    await storage.setItem('b', 1, { ttl: 3600 });
    expect(await cache.getRemainingTTL('unstorage:a')).toBeLessThanOrEqual(60_000);
    expect(await cache.getRemainingTTL('unstorage:b')).toBeGreaterThan(3_599_000);
    await storage.setItem('c', 1, { ttl: 0.02 });
    await vi.waitUntil(async () => (await storage.getItem('c')) === null);
  });
});

describe('bad input', () => {
  it.each([
    [{ bsae: 'a' }, 'FLOTILLA_ERR_UNKNOWN_OPTION'],
    [{ base: 1 }, 'FLOTILLA_ERR_INVALID_ARGUMENT'],
    [{ ttl: -1 }, 'FLOTILLA_ERR_INVALID_ARGUMENT'],
  ])('%o is refused', (options, code) => {
    expect(() => unstorageFlotilla(options)).toThrow(expect.objectContaining({ code }));
  });
});
