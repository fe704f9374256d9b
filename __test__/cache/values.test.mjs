// Values come back as they were put, keys are told apart as a Map tells them, and what cannot be stored is refused
// before anything changes.

import { createRequire } from 'node:module';
import { beforeEach, describe, expect, it } from 'vitest';
import { inCluster } from '../fixtures/cache.mjs';

const require = createRequire(import.meta.url);
const { LRUCacheClustered } = require('flotilla');
const addon = require('../../lib/native/loader.js');

let made = 0;
let cache;
beforeEach(() => {
  made += 1;
  cache = new LRUCacheClustered({ namespace: `values ${made}` });
});

const shared = { a: 1 };
const cyclic = { name: 'self' };
cyclic.self = cyclic;
class Point {
  constructor() {
    this.x = 1;
  }

  get length() {
    return 1;
  }
}

/** Each value, and what it comes back as where that is not the same. */
const values = {
  'an empty string': [''],
  'a one-byte string': ['naïve café ÿ'],
  'a two-byte string': ['日本語 😀'],
  'lone surrogates': ['\ud800 and \udfff'],
  'a string with zeros': ['a\0b'],
  'a long string': ['x'.repeat(300_000)],
  'a long two-byte string': ['ж'.repeat(100_000)],
  'a string made of pieces': [['a', 'b', 'ж'].join('-').concat('tail')],
  zero: [0],
  'negative zero': [-0],
  NaN: [Number.NaN],
  infinity: [Number.NEGATIVE_INFINITY],
  'a small fraction': [5e-324],
  true: [true],
  false: [false],
  'a bigint': [12345678901234567890123456789n],
  'a negative bigint': [-(2n ** 64n)],
  'bigint zero': [0n],
  'an object': [{ id: 1, name: 'ada', tags: ['a', null, true], nested: { deep: { deeper: [1.5] } } }],
  'an empty object': [{}],
  'an empty array': [[]],
  'an object without prototype': [Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
  'undefined inside': [{ a: undefined, b: [undefined, 1] }],
  'negative zero inside': [{ a: [-0] }],
  'NaN inside': [[Number.NaN, Number.POSITIVE_INFINITY]],
  'a hole': [Object.assign(new Array(3), { 0: 1, 2: 3 })],
  'an array with a property': [Object.assign([1, 2], { extra: true })],
  'a key named __proto__': [JSON.parse('{"__proto__": {"a": 1}, "b": 2}')],
  'a property toJSON': [{ toJSON: 1, a: 2 }],
  'bigints inside': [{ a: [1n] }],
  'a Date': [new Date(1e12)],
  'an invalid Date': [new Date(Number.NaN)],
  'a RegExp': [/a+b/giu],
  'a Map': [new Map([['a', new Map([[1, { b: 2 }]])]])],
  'a Set': [new Set([1, 'a', new Set([2])])],
  'a Buffer': [Buffer.from('buffer \xff', 'latin1')],
  'an empty Buffer': [Buffer.alloc(0)],
  'a part of a Buffer': [Buffer.from('0123456789').subarray(3, 6)],
  'a Buffer inside': [{ data: Buffer.from('abc') }],
  'a Uint8Array': [new Uint8Array([1, 2, 255])],
  'a Float64Array, a part': [new Float64Array([1, 2, 3]).subarray(1)],
  'a BigInt64Array': [new BigInt64Array([1n, -1n])],
  'a Uint8ClampedArray': [new Uint8ClampedArray([1])],
  'a DataView': [new DataView(new Uint8Array([1, 2, 3]).buffer, 1)],
  'an ArrayBuffer': [new Uint8Array([1, 2, 3]).buffer],
  'bytes in shared memory': [new Uint8Array(new SharedArrayBuffer(2)), new Uint8Array(2)],
  'typed arrays inside': [{ a: new Uint16Array([1, 2]), b: new Float32Array([0.5]) }],
  'a class instance': [new Point(), { x: 1 }],
  'boxed values': [[new Number(1), new String('a')]],
  'a cyclic object': [cyclic],
  'one object twice': [{ first: shared, second: shared }],
  'a million numbers': [Array.from({ length: 100_000 }, (_, index) => index)],
};

describe('values', () => {
  it.each(Object.entries(values))('%s comes back as it was put', async (_, [value, expected = value]) => {
    expect(await cache.set('key', value)).toBe(true);
    const back = await cache.get('key');
    expect(back).toStrictEqual(expected);
    if (typeof value === 'object') expect(back).not.toBe(value);
    expect(await cache.peek('key')).toStrictEqual(expected);
    expect([...cache.sync.values()]).toStrictEqual([expected]);
    expect(cache.sync.info('key')?.value).toStrictEqual(expected);
    await cache.load(await cache.dump());
    expect(await cache.mGet(['key'])).toStrictEqual(new Map([['key', expected]]));
    expect(await cache.fetch('other', () => value)).toBe(value);
    expect(cache.sync.get('other')).toStrictEqual(expected);
  });

  it('keep that two places hold one object', async () => {
    await cache.set('twice', { first: shared, second: shared });
    const twice = await cache.get('twice');
    expect(twice.first).toBe(twice.second);
    await cache.set('cyclic', cyclic);
    const back = await cache.get('cyclic');
    expect(back.self).toBe(back);
  });

  it('keep errors with their name, message and stack', async () => {
    const error = new RangeError('too far');
    await cache.set('error', error);
    const back = await cache.get('error');
    expect(back).toBeInstanceOf(RangeError);
    expect(back).toMatchObject({ message: 'too far', stack: error.stack });
  });

  it('come to a worker as they were put in the primary, and back', async () => {
    const { answers, after } = await inCluster(
      `
      import { isDeepStrictEqual } from 'node:util';
      const cache = new LRUCacheClustered({ namespace: 'typed' });
      const cyclic = { name: 'self' }; cyclic.self = cyclic;
      const values = () => ({ text: 'ж\\ud800', narrow: 'ÿ', buffer: Buffer.from([1, 2]), array: new Float64Array([1.5]), date: new Date(5), map: new Map([[1, { a: undefined }]]),
        set: new Set([1n]), nan: NaN, zero: -0, big: -5n, yes: true, cyclic, object: { a: [1, null] } });
      export async function primary() { for (const [key, value] of Object.entries(values())) await cache.set(key, value); }
      export async function worker() {
        const wrong = [];
        for (const [key, value] of Object.entries(values())) {
          const got = await cache.get(key);
          if (!isDeepStrictEqual(got, value)) wrong.push(key);
          await cache.set('back ' + key, got);
        }
        return wrong;
      }
      export async function afterwards() {
        const wrong = [];
        for (const [key, value] of Object.entries(values())) if (!isDeepStrictEqual(await cache.get('back ' + key), value)) wrong.push(key);
        return wrong;
      }`,
      { workers: 1 },
    );
    expect(answers).toEqual([[]]);
    expect(after).toEqual([]);
  });
});

describe('what cannot be stored', () => {
  it.each([
    ['a function', () => 1, 'value is a function'],
    ['a symbol', Symbol('s'), 'value is a symbol'],
    ['a function deep inside', { list: [1, { run() {} }] }, 'value.list[1].run is a function'],
    [
      'a symbol in a Map',
      new Map([['k', { 'odd name': Symbol('x') }]]),
      'value.get("k")["odd name"] is a symbol',
    ],
    ['a promise', { later: Promise.resolve() }, 'value.later is a promise'],
    ['a WeakMap', [new WeakMap()], 'value[0] is a weak reference'],
    ['shared memory', { memory: new SharedArrayBuffer(1) }, 'value.memory is shared memory'],
  ])('%s rejects with the key and the path', async (_, value, path) => {
    await cache.set('user:1', 'before');
    for (const call of [
      cache.set('user:1', value),
      cache.setIfAbsent('user:1', value),
      cache.mSet([
        ['ok', 1],
        ['user:1', value],
      ]),
      cache.fetch('user:1', () => value, { forceRefresh: true }),
      cache.load([
        ['ok', { value: 1 }],
        ['user:1', { value }],
      ]),
    ]) {
      const error = await call.catch((thrown) => thrown);
      expect(error).toBeInstanceOf(TypeError);
      expect(error).toMatchObject({ code: 'FLOTILLA_ERR_VALUE_NOT_CLONEABLE' });
      expect(error.message).toContain(`The value for key "user:1" cannot be stored: ${path}`);
    }
    expect(await cache.entries()).toEqual([['user:1', 'before']]);
  });

  it.each([
    [
      'a getter',
      {
        get a() {
          throw new Error('getter');
        },
      },
      'getter',
    ],
    [
      'toJSON',
      {
        toJSON() {
          throw new Error('json');
        },
      },
      'toJSON is a function',
    ],
    [
      'a proxy',
      new Proxy(
        {},
        {
          ownKeys() {
            throw new Error('trap');
          },
        },
      ),
      'trap',
    ],
    [
      'a proxy inside',
      {
        a: new Proxy(
          {},
          {
            getPrototypeOf() {
              throw new Error('trap');
            },
          },
        ),
      },
      'trap',
    ],
  ])('%s that throws while it is read rejects, and nothing changes', async (_, value, message) => {
    await cache.set('key', 'before');
    await expect(cache.set('key', value)).rejects.toThrow(message);
    expect(await cache.get('key')).toBe('before');
  });

  it('nesting without an end rejects, and nothing changes', async () => {
    const deep = [];
    for (let level = 0, inner = deep; level < 200_000; level++) {
      inner.push([]);
      inner = inner[0];
    }
    await expect(cache.set('key', deep)).rejects.toThrow(RangeError);
    expect(await cache.size()).toBe(0);
  });
});

describe('keys', () => {
  const keys = [
    '1',
    1,
    true,
    'true',
    1n,
    '1n',
    false,
    0,
    '',
    Number.NaN,
    'NaN',
    -1,
    1.5,
    'ж',
    '\ud800',
    '\ufffd',
    -1n,
    2n ** 70n,
    'ÿ',
    'Ã¿',
  ];

  it('are kept apart by type, and come back as they were', async () => {
    for (const [index, key] of keys.entries()) await cache.set(key, index);
    for (const [index, key] of keys.entries()) expect(await cache.get(key)).toBe(index);
    expect((await cache.keys()).reverse()).toStrictEqual(keys);
    expect([...cache.sync.dump()].map(([key]) => key)).toStrictEqual(keys);
  });

  it('are equal as a Map has them: NaN is NaN, and -0 is 0', async () => {
    await cache.set(Number.NaN, 'nan');
    await cache.set(-0, 'zero');
    expect([await cache.get(Number.NaN), await cache.get(0)]).toEqual(['nan', 'zero']);
    expect(Object.is((await cache.keys())[0], 0)).toBe(true);
  });

  it('may be long', async () => {
    const long = 'k'.repeat(2 ** 20);
    const wide = 'ж'.repeat(2 ** 20);
    for (const key of [long, wide]) {
      await cache.set(key, key.length);
      expect(await cache.get(key)).toBe(2 ** 20);
    }
    expect(await cache.keys()).toEqual([wide, long]);
    await expect(cache.set('k'.repeat(2 ** 24), 1)).rejects.toMatchObject({
      code: 'FLOTILLA_ERR_KEY_TOO_LARGE',
    });
    expect(await cache.size()).toBe(2);
  });

  it.each([
    ['an object', {}],
    ['an array', ['a']],
    ['a function', () => 1],
    ['a symbol', Symbol('k')],
    ['null', null],
    ['undefined', undefined],
    [
      'a proxy',
      new Proxy(
        {},
        {
          get() {
            throw new Error('trap');
          },
        },
      ),
    ],
  ])('%s is refused with a TypeError that says why', async (_, key) => {
    for (const call of [
      () => cache.get(key),
      () => cache.set(key, 1),
      () => cache.delete(key),
      () => cache.incr(key),
      () => cache.fetch(key, () => 1),
    ]) {
      await expect(call()).rejects.toThrow(TypeError);
      await expect(call()).rejects.toThrow(/^key must be a string, a number, a boolean or a bigint; it is /);
    }
    expect(await cache.size()).toBe(0);
  });
});

describe('bad input', () => {
  it.each([
    ['max', -1],
    ['max', 1.5],
    ['max', Number.NaN],
    ['max', '10'],
    ['maxSize', -1],
    ['maxEntrySize', 0.5],
    ['ttl', -5],
    ['ttl', 1.5],
    ['ttl', '60'],
    ['timeout', -1],
    ['timeout', 'soon'],
    ['failsafe', 'maybe'],
    ['namespace', 7],
    ['namespace', '\ud800'],
  ])('the option %s: %s is refused', (name, value) => {
    expect(() => new LRUCacheClustered({ namespace: 'bad', [name]: value })).toThrow(
      expect.objectContaining({
        code: 'FLOTILLA_ERR_INVALID_ARGUMENT',
        message: expect.stringContaining(name),
      }),
    );
    expect(LRUCacheClustered.getAllCaches().has('bad')).toBe(false);
  });

  it('lifetimes that are negative or fractional are taken as lru-cache takes them, others are refused', async () => {
    await cache.set('past', 1, { ttl: -5 });
    expect(await cache.get('past')).toBeUndefined();
    await cache.set('part', 1, { ttl: 1e6 + 0.5 });
    expect(await cache.get('part')).toBe(1);
    for (const ttl of ['60', null, {}]) await expect(cache.set('bad', 1, { ttl })).rejects.toThrow(TypeError);
    expect(await cache.has('bad')).toBe(false);
  });

  it('a namespace of 10,000 characters works like any other, or is refused', () => {
    const namespace = 'n'.repeat(10_000);
    let code;
    try {
      const view = new LRUCacheClustered({ namespace }).sync;
      view.set('a', 1);
      expect(view.get('a')).toBe(1);
    } catch (error) {
      ({ code } = error);
      expect(code).toBe('FLOTILLA_ERR_INVALID_ARGUMENT');
    }
  });

  it('10,000 namespaces are kept apart, and removed', () => {
    const views = Array.from(
      { length: 10_000 },
      (_, index) => new LRUCacheClustered({ namespace: `many ${index}` }).sync,
    );
    for (const [index, view] of views.entries()) view.set('key', index);
    expect(views.every((view, index) => view.get('key') === index)).toBe(true);
    const all = LRUCacheClustered.getAllCaches();
    expect(all.size).toBeGreaterThanOrEqual(10_000);
    all.clear();
    expect(all.size).toBe(0);
    expect(addon.segmentValidate()).toBeUndefined();
  });
});

describe('the map of all caches', () => {
  it('is live, holds the synchronous views, and really removes', async () => {
    const all = LRUCacheClustered.getAllCaches();
    const name = `values ${made}`;
    await cache.set('a', 1);
    expect(all).toBeInstanceOf(Map);
    expect(all.get(name)?.get('a')).toBe(1);
    expect(all.get(name)).toBe(cache.getCache());
    expect([...all.keys()]).toContain(name);
    expect(new Map(all).get(name)).toBe(all.get(name));
    expect(() => all.set('x', cache.sync)).toThrow(TypeError);
    expect([all.delete(name), all.delete(name), all.has(name), all.get(name)]).toEqual([
      true,
      false,
      false,
      undefined,
    ]);
    expect(cache.getCache()).toBeUndefined();
    expect(await cache.get('a')).toBeUndefined();
    expect(all.has(name)).toBe(true);
  });

  it('is for the primary', async () => {
    const { answers } = await inCluster(
      `
      export const worker = async () => {
        const cache = new LRUCacheClustered();
        return [() => LRUCacheClustered.getAllCaches(), () => cache.getCache()].map((call) => { try { call(); } catch (error) { return error.code; } });
      };`,
      { workers: 1 },
    );
    expect(answers).toEqual([['FLOTILLA_ERR_PRIMARY_ONLY', 'FLOTILLA_ERR_PRIMARY_ONLY']]);
  });
});
