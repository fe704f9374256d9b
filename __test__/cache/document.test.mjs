// The documented surface, in the primary and in a worker, on shared memory and over messages: one suite, run in all.

import { describe, expect, it } from 'vitest';
import { inCluster } from '../fixtures/cache.mjs';

/** Each case: a function body that gets `cache` and returns what is expected. Runs in either process. */
const cases = {
  'get, set, has, peek, delete': [
    `return [await cache.get('a'), await cache.set('a', 1), await cache.get('a'), await cache.has('a'), await cache.peek('a'),
      await cache.delete('a'), await cache.delete('a'), await cache.has('a')]`,
    [null, true, 1, true, 1, true, false, false],
  ],
  'setIfAbsent stores once': [
    `return [await cache.setIfAbsent('a', 1), await cache.setIfAbsent('a', 2), await cache.get('a')]`,
    [true, false, 1],
  ],
  'mGet, mSet and mDelete, with options of the call and of an entry': [
    `await cache.mSet([['a', 1], ['b', 2, { ttl: 5000 }]], { ttl: 9000 });
     const found = await cache.mGet(['a', 'x', 'b']);
     const ttls = [await cache.getRemainingTTL('a') > 6000, await cache.getRemainingTTL('b') <= 5000];
     await cache.mDelete(['a', 'x']);
     return [[...found].map(([k, v]) => [k, v ?? null]), found instanceof Map, ttls, await cache.keys()]`,
    [
      [
        ['a', 1],
        ['x', null],
        ['b', 2],
      ],
      true,
      [true, true],
      ['b'],
    ],
  ],
  'keys, values, entries and for await, the most recent first': [
    `for (const key of ['a', 'b', 'c']) await cache.set(key, key + key);
     await cache.get('a');
     const iterated = []; for await (const pair of cache) iterated.push(pair);
     return [await cache.keys(), await cache.values(), await cache.entries(), iterated, await cache.size()]`,
    [
      ['a', 'c', 'b'],
      ['aa', 'cc', 'bb'],
      [
        ['a', 'aa'],
        ['c', 'cc'],
        ['b', 'bb'],
      ],
      [
        ['a', 'aa'],
        ['c', 'cc'],
        ['b', 'bb'],
      ],
      3,
    ],
  ],
  'dump and load keep what is left of a lifetime': [
    `await cache.set('a', 1, { ttl: 60000 }); await cache.set('b', 2);
     const dump = await cache.dump(); await cache.clear(); const empty = await cache.size();
     await cache.load(JSON.parse(JSON.stringify(dump)));
     const left = await cache.getRemainingTTL('a');
     return [dump.map(([key, { value }]) => [key, value]), empty, await cache.get('a'), left > 50000 && left <= 60000, await cache.keys()]`,
    [
      [
        ['a', 1],
        ['b', 2],
      ],
      0,
      1,
      true,
      ['a', 'b'],
    ],
  ],
  'incr and decr keep the first lifetime': [
    `const sums = [await cache.incr('n', 5, { ttl: 60000 }), await cache.incr('n'), await cache.decr('n', 2)];
     await cache.incr('n', 1, { ttl: 10 });
     return [sums, await cache.getRemainingTTL('n') > 50000, await cache.get('n'), await cache.decr('m')]`,
    [[5, 6, 4], true, 5, -1],
  ],
  'fetch brings a missing value once, and forceRefresh brings it again': [
    `let calls = 0; const bring = async () => ++calls;
     const both = await Promise.all([cache.fetch('a', bring), cache.fetch('a', bring)]);
     return [both, await cache.fetch('a', bring), await cache.fetch('a', bring, { forceRefresh: true }), await cache.get('a'), calls]`,
    [[1, 1], 1, 2, 2, 2],
  ],
  'getRemainingTTL: Infinity without a TTL, 0 where there is nothing': [
    `await cache.set('a', 1); return [await cache.getRemainingTTL('a') === Infinity, await cache.getRemainingTTL('b')]`,
    [true, 0],
  ],
  'touch begins a lifetime again, and leaves the value alone': [
    `await cache.set('a', 1, { ttl: 1000 }); await cache.set('b', 2);
     const touched = [await cache.touch('a', { ttl: 60000 }), await cache.touch('b'), await cache.touch('c', { ttl: 1 })];
     const refused = await cache.touch('a', { ttl: '1' }).catch((error) => error.code);
     return [touched, refused, await cache.getRemainingTTL('a') > 50000, await cache.getRemainingTTL('b') === Infinity,
       await cache.get('a'), await cache.has('c'), (await cache.keys())[0], await cache.touch('a', { ttl: 0 }), await cache.getRemainingTTL('a') === Infinity]`,
    [[true, true, false], 'FLOTILLA_ERR_INVALID_ARGUMENT', true, true, 1, false, 'a', true, true],
  ],
  'purgeStale, stats and clear': [
    `await cache.set('a', 1, { ttl: -1 }); await cache.set('b', 2); await cache.get('b'); await cache.get('x');
     const purged = [await cache.purgeStale(), await cache.purgeStale()];
     const { namespace, ...stats } = await cache.stats(); await cache.delete('b');
     return [purged, stats, namespace === cacheName, (await cache.stats()).deletes, await cache.clear() ?? null]`,
    [[true, false], { hits: 1, misses: 1, sets: 2, deletes: 0, evictions: 0, size: 1 }, true, 1, null],
  ],
  'max, ttl and allowStale are read and set, and keep entries': [
    `await cache.set('a', 1, { ttl: 60000 }); await cache.set('b', 2);
     const read = [await cache.max(), await cache.ttl(), await cache.allowStale()];
     const set = [await cache.max(50), await cache.ttl(1234), await cache.allowStale(true)];
     await cache.set('c', 3);
     return [read, set, await cache.get('a'), await cache.getRemainingTTL('a') > 50000, await cache.getRemainingTTL('c') <= 1234,
       await cache.getRemainingTTL('b') === Infinity]`,
    [[1000, 0, false], [50, 1234, true], 1, true, true, true],
  ],
  'destroy removes the namespace, and the next use makes it anew': [
    `await cache.set('a', 1); const destroyed = [await cache.destroy(), await cache.destroy()];
     return [destroyed, await cache.get('a') ?? null, await cache.set('a', 2), await cache.get('a'), await cache.max(), (await cache.stats()).sets]`,
    [[true, false], null, true, 2, 1000, 1],
  ],
  'healthCheck, ready and getInstance resolve': [
    `return [await cache.ready ?? null, await cache.healthCheck() ?? null,
       (await LRUCacheClustered.getInstance({ namespace: cacheName })) instanceof LRUCacheClustered]`,
    [null, null, true],
  ],
  'nullish keys and values reject with a TypeError': [
    `const refused = [];
     for (const call of [() => cache.get(null), () => cache.set(undefined, 1), () => cache.set('a', null), () => cache.set('a', undefined),
       () => cache.setIfAbsent('a', null), () => cache.mSet([['ok', 1], ['a', undefined]]), () => cache.mSet([['ok', 1], [null, 1]]),
       () => cache.incr(null), () => cache.fetch(undefined, () => 1), () => cache.fetch('a', () => undefined), () => cache.delete(null),
       () => cache.mDelete(['a', null]), () => cache.mGet([null]), () => cache.has(null), () => cache.peek(undefined), () => cache.getRemainingTTL(null)]) {
       refused.push(await call().then(() => 'no', (error) => error instanceof TypeError && error.code));
     }
     return [[...new Set(refused)], await cache.size()]`,
    [['FLOTILLA_ERR_INVALID_ARGUMENT'], 0],
  ],
  'options that conflict throw, every difference named': [
    `const texts = [];
     try { new LRUCacheClustered({ namespace: cacheName, max: 20, ttl: 5, allowStale: true }); } catch (error) { texts.push(error.message.replace(cacheName, 'n'), error.code); }
     await LRUCacheClustered.getInstance({ namespace: cacheName, max: 20 }).catch((error) => texts.push(error.message.replace(cacheName, 'n')));
     return texts`,
    [
      "Conflicting options for namespace 'n': max=1000 (existing) != 20 (incoming), ttl=undefined (existing) != 5 (incoming), allowStale=false (existing) != true (incoming)",
      'FLOTILLA_ERR_CONFLICTING_OPTIONS',
      "Conflicting options for namespace 'n': max=1000 (existing) != 20 (incoming)",
    ],
  ],
  'a cache bounded by size wants a size with every write': [
    `const sized = new LRUCacheClustered({ namespace: cacheName + ' sized', maxSize: 10, maxEntrySize: 6 });
     const name = (promise) => promise.then((value) => value, (error) => error.name + ' ' + error.code);
     const results = [];
     for (const size of [undefined, Number.NaN, 0, 1.5, -1, '1']) results.push(await name(sized.set('a', 1, { size })));
     results.push(await name(sized.fetch('a', () => { throw new Error('called') })), await name(sized.incr('n')), await name(sized.mSet([['a', 1, { size: 1 }], ['b', 1]])));
     return [[...new Set(results)], await sized.size(), await sized.set('a', 1, { size: 6 }), await sized.set('b', 1, { size: 6 }), await sized.keys(),
       await sized.set('b', 1, { size: 7 }), await sized.incr('n', 1, { size: 1 }), await sized.incr('n', 1, { size: 1 }), await name(cache.set('a', 1, { size: 1 }))]`,
    [
      ['TypeError FLOTILLA_ERR_INVALID_SIZE', 'TypeError FLOTILLA_ERR_INVALID_ARGUMENT'],
      0,
      true,
      true,
      ['b'],
      false,
      1,
      2,
      'TypeError FLOTILLA_ERR_INVALID_SIZE',
    ],
  ],
  'incr of what is no number rejects and changes nothing': [
    `await cache.set('a', 'text'); const failed = await cache.incr('a').catch((error) => [error.name, error.code]);
     const amount = await cache.incr('n', Number.NaN).catch((error) => error.code);
     return [failed, amount, await cache.get('a'), await cache.has('n')]`,
    [['TypeError', 'FLOTILLA_ERR_NOT_A_NUMBER'], 'FLOTILLA_ERR_INVALID_ARGUMENT', 'text', false],
  ],
  'peek and has leave the order alone, get does not': [
    `for (const key of ['a', 'b', 'c']) await cache.set(key, 1);
     await cache.peek('a'); await cache.has('a'); const before = await cache.keys(); await cache.get('a');
     return [before, await cache.keys()]`,
    [
      ['c', 'b', 'a'],
      ['a', 'c', 'b'],
    ],
  ],
  'lists may be anything that can be gone through': [
    `function* pairs() { yield ['a', 1]; yield ['b', 2, { ttl: 5000 }]; }
     await cache.mSet(pairs()); await cache.mSet(new Map([['c', 3]]));
     const found = [...(await cache.mGet(new Set(['a', 'b', 'c']))).values()];
     const dump = await cache.dump(); await cache.load(new Map(dump)); await cache.mDelete(new Set(['a', 'b']));
     return [found, await cache.keys()]`,
    [[1, 2, 3], ['c']],
  ],
  'the namespace is "default" where none is named': [
    `const own = new LRUCacheClustered({ timeout: 60_000 }), same = new LRUCacheClustered({ namespace: 'default', timeout: 60_000 });
     await own.set('a', 1); return [await same.get('a'), (await own.stats()).namespace]`,
    [1, 'default'],
  ],
  'destroy ends flights too, and what is made anew has the original options': [
    `const small = new LRUCacheClustered({ namespace: cacheName + ' small', max: 2, ttl: 60_000, timeout: 60_000 });
     let finish, begun; const started = new Promise((resolve) => { begun = resolve; });
     const lost = small.fetch('a', () => new Promise((resolve) => { finish = resolve; begun(); })).catch(() => 'rejected');
     await started; await small.max(50); await small.destroy();
     const next = await small.fetch('a', () => 'new'); finish('old');
     return [next, ['old', 'rejected'].includes(await lost), await small.get('a'), await small.max(), await small.ttl(), await small.getRemainingTTL('a') > 50_000]`,
    ['new', true, 'new', 2, 60_000, true],
  ],
  'wrap passes values through a codec, sync or async, and passes the rest on': [
    `const { gzipSync, gunzipSync } = require('node:zlib');
     const encode = (value) => gzipSync(JSON.stringify(value)).toString('base64'), decode = (raw) => JSON.parse(gunzipSync(Buffer.from(raw, 'base64')));
     const results = [];
     for (const codec of [{ encode, decode }, { encode: async (value) => encode(value), decode: async (raw) => decode(raw) }]) {
       await cache.clear();
       const wrapped = wrap(cache, codec);
       const iterated = [];
       results.push([await wrapped.set('a', { id: 1 }), await wrapped.get('a'), await wrapped.setIfAbsent('a', 5), await wrapped.peek('a'),
         await wrapped.mSet([['b', [2]], ['c', 3, { ttl: 5000 }]], { ttl: 9000 }) ?? null, [...await wrapped.mGet(['b', 'x'])].map(([key, value]) => [key, value ?? null]),
         await wrapped.values(), await wrapped.entries(), await wrapped.fetch('d', async () => ({ id: 4 })), await wrapped.fetch('d', () => 'no')]);
       for await (const [key] of wrapped) iterated.push(key);
       results.push([iterated, await wrapped.has('a'), await wrapped.delete('a'), await wrapped.keys(), await wrapped.size(), await wrapped.getRemainingTTL('c') <= 5000,
         await wrapped.purgeStale(), await wrapped.healthCheck() ?? null, (await wrapped.stats()).size, wrapped.cache === cache, decode(await cache.get('b')),
         ['incr', 'decr', 'dump', 'load'].some((name) => name in wrapped), await wrapped.get('none') ?? null]);
       results.push([await wrapped.clear() ?? null, await wrapped.size(), await wrapped.destroy()]);
     }
     return [...results.slice(0, 3), results.slice(0, 3).every((result, index) => JSON.stringify(result) === JSON.stringify(results[index + 3]))]`,
    [
      [
        true,
        { id: 1 },
        false,
        { id: 1 },
        null,
        [
          ['b', [2]],
          ['x', null],
        ],
        [[2], 3, { id: 1 }],
        [
          ['b', [2]],
          ['c', 3],
          ['a', { id: 1 }],
        ],
        { id: 4 },
        { id: 4 },
      ],
      [['d', 'b', 'c', 'a'], true, true, ['d', 'b', 'c'], 3, true, false, null, 3, true, [2], false, null],
      [null, 0, true],
      true,
    ],
  ],
  'memoize runs its function once for a key, and takes the options of fetch': [
    `let calls = 0; const double = memoize(cache, async (number, ...rest) => ({ double: number * 2, rest, call: ++calls }), (number) => 'n:' + number, { ttl: 60_000 });
     const both = await Promise.all([double(2, 'more'), double(2)]);
     const wrapped = memoize(wrap(cache, { encode: (value) => [value], decode: ([value]) => value }), (text) => text.length, (text) => 'w:' + text);
     const texts = [await wrapped('abc'), await wrapped('abc'), await cache.get('w:abc'), await cache.delete('w:abc')];
     return [texts, both, await double(2), await double(3), calls, await cache.keys(), await cache.getRemainingTTL('n:3') > 50_000]`,
    [
      [3, 3, [3], true],
      Array(2).fill({ double: 4, rest: ['more'], call: 1 }),
      { double: 4, rest: ['more'], call: 1 },
      { double: 6, rest: [], call: 2 },
      2,
      ['n:3', 'n:2'],
      true,
    ],
  ],
  'usage says what the namespace takes up': [
    `await cache.set('k', 'v'.repeat(10000)); const usage = await cache.usage();
     return [usage.transport, usage.entries, usage.bytes >= 10001, usage.overheadBytes > 0, usage.segmentBytes > usage.bytes, usage.memoryEvictions, usage.recoveries]`,
    ['shared', 1, true, true, true, 0, 0],
  ],
};

/** The suite as a program: `run(where)` gives an object of what each case returned. */
const suite = `
const { memoize, wrap } = require(process.cwd());
const cases = ${JSON.stringify(Object.entries(cases).map(([name, [body]]) => [name, body]))};
async function run(where) {
  const results = {};
  for (const [name, body] of cases) {
    const cacheName = where + ' ' + name;
    const call = new Function('cache', 'cacheName', 'LRUCacheClustered', 'wrap', 'memoize', 'require', 'return (async () => {' + body + '})()');
    results[name] = await call(new LRUCacheClustered({ namespace: cacheName, timeout: 60_000 }), cacheName, LRUCacheClustered, wrap, memoize, require)
      .catch((error) => String(error.stack));
  }
  return results;
}
export const primary = () => run('primary');
export const worker = (index) => run('worker ' + index);
export const afterwards = () => addon.segmentValidate() ?? null;
`;

/** One cluster a transport answers for all tests. @type {Record<string, ReturnType<typeof inCluster>>} */
const running = {};
/** @param {string} transport */
const answers = (transport) => {
  running[transport] ??= inCluster(suite, { workers: 1, env: { FLOTILLA_TRANSPORT: transport } });
  return running[transport];
};

describe.each([
  ['shared', 'the primary', ({ before }) => before],
  ['shared', 'a worker', ({ answers: [answer] }) => answer],
  ['ipc', 'the primary', ({ before }) => before],
  ['ipc', 'a worker', ({ answers: [answer] }) => answer],
])('the documented surface, %s, in %s', (transport, where, of) => {
  // In a worker each use rejects, as drop-in.test.mjs shows.
  const told = Object.entries(cases).filter(
    ([name]) => where === 'the primary' || !name.startsWith('options that conflict throw'),
  );
  it.each(told)('%s', async (name, [, expected]) => {
    const ours = name.startsWith('usage') ? [transport, ...expected.slice(1)] : expected;
    expect(of(await answers(transport))[name]).toEqual(ours);
  });
});

it.each(['shared', 'ipc'])('leaves a sound segment behind, %s', async (transport) => {
  expect((await answers(transport)).after).toBeNull();
});
