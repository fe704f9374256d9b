// `KeyvFlotilla` under Keyv 5, in its own public suite, and under Keyv 6; and what keeps its values by Keyv.

import { once } from 'node:events';
import http from 'node:http';
import { LRUCacheClustered } from 'flotilla';
import { KeyvFlotilla } from 'flotilla/keyv';
import * as vitest from 'vitest';
import { peer } from '../fixtures/peers.mjs';

const { afterEach, beforeEach, describe, expect, it, onTestFinished } = vitest;
const [{ Keyv }, { Keyv: Keyv6 }, suite] = await Promise.all(['keyv', 'keyv6', '@keyv/test-suite'].map(peer));
const versions = [
  ['5', Keyv],
  ['6', Keyv6],
];

describe('the public suite of Keyv 5', () => {
  const store = () => new KeyvFlotilla({ namespace: 'the suite' });
  suite.default(vitest, Keyv, store);
  suite.keyvIteratorTests(vitest, Keyv, store);
});

describe.each(versions)('Keyv %s', (version, Keyv) => {
  let cache;
  beforeEach(() => {
    cache = new LRUCacheClustered({ namespace: `keyv ${version}`, max: 1000 });
  });
  afterEach(() => cache.destroy());
  const keyv = (options) => new Keyv({ store: new KeyvFlotilla({ cache }), ...options });

  it('shares what it stores with each other one of its namespace, and with no other', async () => {
    const [first, second, other] = ['a', 'a', 'a:b'].map((namespace) => keyv({ namespace }));
    expect(await first.set('b:c', 1)).toBe(true);
    await other.set('c', 2);
    expect([await second.get('b:c'), await other.get('c'), await second.get('c')]).toEqual([1, 2, undefined]);
    await other.clear();
    expect([await first.get('b:c'), await other.get('c')]).toEqual([1, undefined]);
  });

  it('keeps what is empty, odd or long as it is, by keys of any kind', async () => {
    const store = keyv({ namespace: '' });
    const values = [null, false, 0, '', [], { a: { b: [1, 'é'] } }, Buffer.from('hi'), 'x'.repeat(100_000)];
    const keys = [':', '::', '1:a:b', 'é\0\n', 'k'.repeat(5000), '5:keyv:', 'constructor', '__proto__'];
    for (const [index, key] of keys.entries()) await store.set(key, values[index]);
    const found = await store.get(keys);
    expect(found.map((value) => (value instanceof Uint8Array ? Buffer.from(value) : value))).toEqual(values);
  });

  it('lets an entry live as long as it was told, in the shared memory too', async () => {
    const store = keyv({ namespace: 'n' });
    await store.set('a', 1, 60_000);
    await store.set('for ever', 1);
    await store.set('very long', 1, 1e15);
    const lifetimes = await Promise.all(
      ['a', 'for ever', 'very long'].map(async (name) => {
        const key = (await cache.keys()).find((known) => known.endsWith(name));
        return cache.getRemainingTTL(key);
      }),
    );
    expect(lifetimes[0]).toBeGreaterThan(59_000);
    expect(lifetimes[0]).toBeLessThanOrEqual(60_001);
    expect(lifetimes[1]).toBe(Number.POSITIVE_INFINITY);
    expect(lifetimes[2]).toBeGreaterThan(1e14);
    await store.set('short', 1, 20);
    await vitest.vi.waitUntil(async () => (await cache.size()) < 4 || !(await store.has('short')));
    expect(await store.get('short')).toBe(undefined);
  });

  it('takes, gives and removes several at once, and says which were there', async () => {
    const store = keyv({ namespace: 'n' });
    const stored = await store.setMany([
      { key: 'a', value: 1 },
      { key: 'b', value: 2, ttl: 60_000 },
    ]);
    expect([stored].flat()).toEqual([true, true]);
    expect(await store.get(['a', 'x', 'b'])).toEqual([1, undefined, 2]);
    expect(await store.has(['a', 'x'])).toEqual([true, false]);
    expect(await store.delete(['a', 'b'])).toEqual(version === '5' ? true : [true, true]);
    expect(await store.delete(['a', 'b'])).toEqual(version === '5' ? false : [false, false]);
  });

  it('iterates over its namespace, while it changes', async () => {
    const [store, other] = [keyv({ namespace: 'n' }), keyv({ namespace: 'm' })];
    for (let at = 0; at < 20; at++) await store.set(`key:${at}`, at);
    await other.set('key:0', 'not this one');
    const iterator = store.iterator();
    const { value: first } = await iterator.next();
    const removed = Array.from({ length: 10 }, (_, at) => `key:${at * 2}`).filter((key) => key !== first[0]);
    await store.delete(removed);
    await store.set('key:100', 'later');
    const seen = new Map([first]);
    for await (const [key, value] of iterator) seen.set(key, value);
    for (const key of removed) expect(seen.has(key)).toBe(false);
    for (let at = 1; at < 20; at += 2) expect(seen.get(`key:${at}`)).toBe(at);
    expect([...seen.values()]).not.toContain('not this one');
  });

  it('says so when a value cannot be stored, and keeps none', async () => {
    const store = keyv(version === '5' ? { serialize: undefined } : { serialization: false });
    if (version === '5') store.serialize = undefined;
    const errors = [];
    store.on('error', (error) => errors.push(error));
    expect(await store.set('a', { click() {} })).toBe(false);
    expect(errors.map(({ code }) => code)).toEqual(['FLOTILLA_ERR_VALUE_NOT_CLONEABLE']);
    expect(await store.get('a')).toBe(undefined);
    await store.set('when', new Date(0));
    expect(await store.get('when')).toEqual(new Date(0));
  });
});

// What the suite for stores of Keyv 6 asks of one, which is on npm in no version yet: the store by itself, as Keyv 6 calls it.
describe('a store in the hands of Keyv 6', () => {
  /** @param {string} [namespace] */
  function made(namespace) {
    const store = new KeyvFlotilla({ namespace: 'hands' });
    expect(new Keyv6({ store, namespace }).store).toBe(store);
    return store;
  }
  afterEach(() => made().clear());

  it('declares that it takes moments', () => {
    expect(made().capabilities).toMatchObject({ compatible: true, store: 'keyvStorage', expires: true });
  });

  it('stores until a moment, and not at all where that has passed', async () => {
    const store = made();
    expect(await store.set('a', 'x', Date.now() + 60_000)).toBe(true);
    expect(await store.get('a')).toBe('x');
    expect(await store.set('a', 'y', Date.now() - 1)).toBe(true);
    expect([await store.get('a'), await store.has('a')]).toEqual([undefined, false]);
    const entries = [
      { key: 'b', value: 'b', expires: Date.now() + 60_000 },
      { key: 'c', value: 'c', expires: 1 },
      { key: 'd', value: 'd' },
    ];
    expect(await store.setMany(entries)).toEqual([true, true, true]);
    expect(await store.getMany(['b', 'c', 'd'])).toEqual(['b', undefined, 'd']);
    expect(await store.hasMany(['b', 'c', 'd'])).toEqual([true, false, true]);
  });

  it('removes what it is told to, by itself, by namespaces, or all', async () => {
    const [one, two] = [made('one'), made('two')];
    await one.set('a', 1);
    await two.set('a', 2);
    await one.set('b', 3);
    expect([await one.delete('a'), await one.delete('a')]).toEqual([true, false]);
    expect(await one.deleteMany(['a', 'b'])).toEqual([false, true]);
    expect(await two.get('a')).toBe(2);
    await one.set('c', 4);
    await two.clear();
    expect([await two.get('a'), await one.get('c')]).toEqual([undefined, 4]);
    await made().clear();
    expect(await one.get('c')).toBe(undefined);
  });

  it('iterates over pairs, without what stands before their keys', async () => {
    const [store, other] = [made('one'), made('two')];
    await store.set('a:b', 1);
    await other.set('c', 2);
    const pairs = [];
    for await (const pair of store.iterator()) pairs.push(pair);
    expect(pairs).toEqual([['a:b', 1]]);
  });

  it('is as it was after a disconnect', async () => {
    const store = made();
    await store.disconnect();
    expect(await store.set('a', 1)).toBe(true);
  });
});

describe('a store', () => {
  it('refuses options that it does not know, and one that is no cache', () => {
    expect(() => new KeyvFlotilla({ namepsace: 'a' })).toThrow(
      expect.objectContaining({
        code: 'FLOTILLA_ERR_UNKNOWN_OPTION',
        message: expect.stringContaining('did you mean "namespace"'),
      }),
    );
    expect(() => new KeyvFlotilla({ cache: new Map() })).toThrow(
      expect.objectContaining({ code: 'FLOTILLA_ERR_INVALID_ARGUMENT' }),
    );
  });
});

describe('what keeps its values by Keyv', () => {
  /** A server that counts what it is asked. */
  async function origin() {
    const state = { asked: 0 };
    const server = http.createServer((_request, response) => {
      state.asked++;
      response.setHeader('cache-control', 'public, max-age=60').end(`answer ${state.asked}`);
    });
    onTestFinished(() => void server.close());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { state, url: `http://127.0.0.1:${server.address().port}/` };
  }

  it('cache-manager wraps what is computed, over two layers', async () => {
    const { createCache } = await peer('cache-manager');
    const cache = createCache({
      stores: [new Keyv(), new Keyv({ store: new KeyvFlotilla({ prefix: 'manager:' }) })],
    });
    const another = createCache({ stores: [new Keyv({ store: new KeyvFlotilla({ prefix: 'manager:' }) })] });
    let computed = 0;
    const compute = async () => ({ computed: ++computed });
    expect(await cache.wrap('a', compute, 60_000)).toEqual({ computed: 1 });
    expect(await another.wrap('a', compute, 60_000)).toEqual({ computed: 1 });
    await cache.mset([{ key: 'b', value: 2 }]);
    expect(await another.mget(['a', 'b', 'c'])).toEqual([{ computed: 1 }, 2, undefined]);
    await another.del('a');
    expect(await another.get('a')).toBe(undefined);
    await another.clear();
    expect(await another.get('b')).toBe(undefined);
  });

  it('got asks once for what may be kept', async () => {
    const { default: got } = await peer('got');
    const { state, url } = await origin();
    const clients = [1, 2].map(() => got.extend({ cache: new KeyvFlotilla({ prefix: 'got:' }) }));
    const texts = [];
    for (const client of clients) texts.push(await client(url).text());
    expect([texts, state.asked]).toEqual([['answer 1', 'answer 1'], 1]);
  });

  it('cacheable-request does, too', async () => {
    const { default: CacheableRequest } = await peer('cacheable-request');
    const { state, url } = await origin();
    const ask = () =>
      new Promise((resolve, reject) => {
        const request = new CacheableRequest(
          http.request,
          new KeyvFlotilla({ prefix: 'request:' }),
        ).request();
        request(url, async (response) => {
          const chunks = [];
          for await (const chunk of response) chunks.push(chunk);
          resolve(Buffer.concat(chunks).toString());
        })
          .on('request', (sent) => sent.end())
          .on('error', reject);
      });
    expect([await ask(), await ask(), state.asked]).toEqual(['answer 1', 'answer 1', 1]);
  });
});
