// `ApolloFlotilla`, as Apollo Server's own cache in memory is used. Apollo Server itself runs in `npm run test:apps`.

import { LRUCacheClustered } from 'flotilla';
import { ApolloFlotilla } from 'flotilla/apollo';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { peer } from '../fixtures/peers.mjs';

const { InMemoryLRUCache, PrefixingKeyValueCache } = await peer('@apollo/utils.keyvaluecache');

describe.each([
  ['in memory, of Apollo', () => new InMemoryLRUCache()],
  ['of all workers', () => new ApolloFlotilla()],
])('the cache %s', (_name, make) => {
  it('gives what was set, until it is deleted or has expired', async () => {
    const cache = make();
    expect(await cache.get('a')).toBe(undefined);
    await cache.set('a', 'one');
    await cache.set('b:c', 'two', { ttl: 60 });
    await cache.set('é', 'three', { ttl: null });
    expect([await cache.get('a'), await cache.get('b:c'), await cache.get('é')]).toEqual([
      'one',
      'two',
      'three',
    ]);
    await cache.delete('a');
    expect([await cache.get('a'), await cache.get('b:c')]).toEqual([undefined, 'two']);
    await cache.set('short', 'x', { ttl: 0.02 });
    await vi.waitUntil(async () => (await cache.get('short')) === undefined);
  });

  it('is one that Apollo can put prefixes before', async () => {
    const cache = make();
    const [apq, data] = ['apq:', 'data:'].map((prefix) => new PrefixingKeyValueCache(cache, prefix));
    await apq.set('a', 'query');
    expect([await data.get('a'), await apq.get('a')]).toEqual([undefined, 'query']);
  });
});

describe('the cache of all workers', () => {
  let shared;
  beforeEach(() => {
    shared = new LRUCacheClustered({ namespace: 'lifetimes', ttl: 5000 });
  });
  afterEach(() => shared.destroy());

  it('takes seconds, null for ever, and its own lifetime where nothing is said', async () => {
    const cache = new ApolloFlotilla({ cache: shared });
    await cache.set('a', 'x');
    await cache.set('b', 'x', { ttl: 60 });
    await cache.set('c', 'x', { ttl: null });
    const left = await Promise.all(['a', 'b', 'c'].map((key) => shared.getRemainingTTL(`apollo:${key}`)));
    expect(left.map((time) => (time > 59_000 ? time > 60_000 : time))).toEqual([
      expect.any(Number),
      false,
      true,
    ]);
    expect(left[0]).toBeLessThanOrEqual(5000);
  });

  it('removes what is its own', async () => {
    await shared.set('other', 1);
    const cache = new ApolloFlotilla({ cache: shared });
    await cache.set('a', 'x');
    await cache.clear();
    expect(await shared.keys()).toEqual(['other']);
  });

  it('refuses what it cannot keep, and options that it does not know', async () => {
    const cache = new ApolloFlotilla({ cache: shared });
    await expect(cache.set('a', undefined)).rejects.toThrow(TypeError);
    expect(() => new ApolloFlotilla({ tll: 5 })).toThrow(
      expect.objectContaining({ code: 'FLOTILLA_ERR_UNKNOWN_OPTION' }),
    );
  });
});
