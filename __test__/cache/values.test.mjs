// Values come back as they were put, keys are told apart as a Map tells them, and what cannot be stored is refused
// before anything changes.

import { createRequire } from 'node:module';
import { beforeEach, describe, expect, it } from 'vitest';
import { inCluster, startProgram } from '../fixtures/cache.mjs';
import { cyclic, shared, unstorable, values } from '../fixtures/cache-values.mjs';
import { environmentOf, ways } from '../fixtures/tier.mjs';

const require = createRequire(import.meta.url);
const { LRUCacheClustered } = require('flotilla');
const addon = require('../../lib/native/loader.js');
const fixture = new URL('../fixtures/cache-values.mjs', import.meta.url).href;

let made = 0;
let cache;
beforeEach(() => {
  made += 1;
  cache = new LRUCacheClustered({ namespace: `values ${made}` });
});

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

  it('keep each character of a string, whatever its length and wherever one is wide', () => {
    const { sync } = cache;
    for (let length = 0; length <= 40; length++) {
      for (let place = 0; place < length; place++) {
        for (const odd of ['ÿ', 'Ā', '\ud800']) {
          const text = `${'x'.repeat(place)}${odd}${'y'.repeat(length - place - 1)}`;
          sync.set(text, text).set('over', text);
          if (sync.peek(text) !== text || sync.peek('over') !== text)
            expect.fail(`${length}, ${place}: ${odd}`);
        }
      }
      const plain = 'z'.repeat(length);
      sync.set(plain, plain).set('over', plain);
      expect([sync.peek(plain), sync.peek('over')]).toStrictEqual([plain, plain]);
    }
    expect(addon.segmentValidate()).toBeUndefined();
  });

  it('keep errors with their name, message and stack', async () => {
    const error = new RangeError('too far');
    await cache.set('error', error);
    const back = await cache.get('error');
    expect(back).toBeInstanceOf(RangeError);
    expect(back).toMatchObject({ message: 'too far', stack: error.stack });
  });
});

describe.each(ways)('values, %s', (way) => {
  const env = environmentOf(way);

  it('come to a worker as they were put in the primary, and back', async () => {
    const { before, answers, after } = await inCluster(
      `
      import { isDeepStrictEqual } from 'node:util';
      import { unstorable, values } from ${JSON.stringify(fixture)};
      const cache = new LRUCacheClustered({ namespace: 'typed', timeout: 60_000 });
      const each = (of) => Promise.all(Object.entries(values).map(([name, [value, expected = value]]) => of(name, value, expected)));
      // Two invalid dates are not equal to isDeepStrictEqual.
      const plain = (value) => value instanceof Date ? String(value) : value;
      const same = async (name, got, expected) => isDeepStrictEqual(plain(await got), plain(expected)) ? [] : [name];
      export const primary = () => each((name, value) => cache.set(name, value));
      export async function worker() {
        const wrong = await each(async (name, value, expected) => {
          const got = await cache.get(name);
          await cache.mSet([['back ' + name, got]]);
          return [await same(name, got, expected), await same(name + ' of fetch', cache.fetch('fetched ' + name, () => value), value),
            await same(name + ' of values', (await cache.mGet([name])).get(name), expected)];
        });
        const accepted = [];
        for (const [name, value, path] of unstorable) {
          for (const call of [() => cache.set('user:1', value), () => cache.setIfAbsent('user:1', value), () => cache.mSet([['ok', 1], ['user:1', value]]),
            () => cache.fetch('user:1', () => value), () => cache.load([['ok', { value: 1 }], ['user:1', { value }]])]) {
            const error = await call().catch((thrown) => thrown);
            if (error?.code !== 'FLOTILLA_ERR_VALUE_NOT_CLONEABLE' || !error.message.includes('"user:1" cannot be stored: ' + path)) accepted.push([name, String(error)]);
          }
        }
        return [wrong.flat(2), accepted, await cache.has('user:1'), await cache.has('ok')];
      }
      export const afterwards = async () => (await each(async (name, _, expected) => [
        await same(name, cache.get('back ' + name), expected), await same(name, cache.get('fetched ' + name), expected)])).flat(2);`,
      { workers: 1, env },
    );
    expect(new Set(before)).toEqual(new Set([true]));
    expect(answers).toEqual([[[], [], false, false]]);
    expect(after).toEqual([]);
  });
});

describe('what cannot be stored', () => {
  it.each(unstorable)('%s rejects with the key and the path', async (_, value, path) => {
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
    ['max', 'ten'],
    ['maxSize', -1],
    ['maxEntrySize', 0.5],
    ['ttl', -5],
    ['ttl', 1.5],
    ['ttl', '6o'],
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

  it.each(['shared', 'ipc'])('is for the primary, %s', async (transport) => {
    const { answers } = await inCluster(
      `
      export const worker = async () => {
        const cache = new LRUCacheClustered();
        return [() => LRUCacheClustered.getAllCaches(), () => cache.getCache()].map((call) => { try { call(); } catch (error) { return error.code; } });
      };`,
      { workers: 1, env: { FLOTILLA_TRANSPORT: transport } },
    );
    expect(answers).toEqual([['FLOTILLA_ERR_PRIMARY_ONLY', 'FLOTILLA_ERR_PRIMARY_ONLY']]);
  });
});

describe.each(['shared', 'ipc'])('a worker, %s', (transport) => {
  it('may ask before its primary has made the cache', async () => {
    const { ended } = startProgram(
      `
      export async function main() {
        const options = { namespace: 'early', max: 5, timeout: 60_000 };
        if (cluster.isWorker) {
          const cache = new LRUCacheClustered(options);
          const answers = [await cache.set('a', new Set(['early'])), await cache.fetch('b', () => 'brought'), await cache.size()];
          return process.send(answers);
        }
        const worker = cluster.fork();
        const answers = await new Promise((resolve) => worker.on('message', (message) => Array.isArray(message) && resolve(message)));
        const cache = new LRUCacheClustered(options);
        console.log(JSON.stringify([answers, [...await cache.get('a')], await cache.get('b')]));
        worker.kill();
      }`,
      { FLOTILLA_TRANSPORT: transport },
    );
    const { stdout, stderr } = await ended;
    expect(JSON.parse(stdout || stderr)).toEqual([[true, 'brought', 2], ['early'], 'brought']);
  });

  it('makes a cache in the primary as it is constructed, and has it there when getInstance resolves', async () => {
    const { answers, after } = await inCluster(
      `
      export async function worker() {
        new LRUCacheClustered({ namespace: 'eager' });
        await LRUCacheClustered.getInstance({ namespace: 'awaited', max: 5 });
        return 'made';
      }
      export const afterwards = async () => ['eager', 'awaited'].map((name) => LRUCacheClustered.getAllCaches().has(name));`,
      { workers: 1, env: { FLOTILLA_TRANSPORT: transport } },
    );
    expect([answers, after]).toEqual([['made'], [true, true]]);
  });

  it('may have 10,000 namespaces', async () => {
    const { answers, after } = await inCluster(
      `
      const make = (index) => new LRUCacheClustered({ namespace: 'many ' + index, timeout: 60_000 });
      export async function worker() {
        const all = Array.from({ length: 10_000 }, (_, index) => make(index));
        const stored = await Promise.all(all.map((cache, index) => cache.set('key', index)));
        const found = await Promise.all(all.map((cache) => cache.get('key')));
        return [stored.every(Boolean), found.every((value, index) => value === index)];
      }
      export const afterwards = async () =>
        [LRUCacheClustered.getAllCaches().size, await make(0).get('key'), await make(9999).get('key'), addon.segmentValidate() ?? 'sound'];`,
      { workers: 1, env: { FLOTILLA_TRANSPORT: transport } },
    );
    expect(answers).toEqual([[true, true]]);
    expect(after).toEqual([10_000, 0, 9999, 'sound']);
  });
});
