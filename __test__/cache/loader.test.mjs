// How `fetch` loads: what is stale, early, missing, late, or not waited for; in the primary and in workers, on both transports.

import { LRUCacheClustered, memoize } from 'flotilla';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { inCluster, startProgram } from '../fixtures/cache.mjs';
import { environmentOf, ofMemory, ways } from '../fixtures/tier.mjs';

afterEach(() => LRUCacheClustered.getAllCaches().clear());

const later = (time) => new Promise((done) => setTimeout(done, time));

describe.each(ways)('loading on %s', (way) => {
  const env = environmentOf(way);
  const both = async (source) => {
    const { before, answers } = await inCluster(
      `const later = (time) => new Promise((done) => setTimeout(done, time));
       const cacheOf = (name, options) => new LRUCacheClustered({ namespace: name + process.pid, timeout: 60_000, ...options });
       const codeOf = (promise) => promise.then((value) => ({ value }), ({ code, name, message }) => code ?? name + ': ' + message);
       ${source}\nexport const worker = primary;`,
      { workers: 1, env },
    );
    expect(answers).toEqual([before]);
    return before;
  };

  ofMemory(way)(
    'gives a stale value at once while it is refreshed, for as long as staleWhileRevalidate says',
    async () => {
      const seen = await both(`
      export async function primary() {
        const cache = cacheOf('swr', { staleWhileRevalidate: 60_000 });
        let runs = 0;
        const stales = [];
        let refreshed;
        const bring = async (_key, { stale }) => { stales.push(stale); if (++runs > 1) { await later(20); setTimeout(() => refreshed?.(), 20); } return 'value ' + runs; };
        const first = await cache.fetch('key', bring, { ttl: 30 });
        await later(50);
        const done = new Promise((resolve) => { refreshed = resolve; });
        const during = await Promise.all([1, 2, 3].map(() => cache.fetch('key', bring, { ttl: 60_000 })));
        await done;
        const after = await cache.fetch('key', bring);
        await cache.fetch('brief', () => 'old', { ttl: 10, staleWhileRevalidate: 1 });
        await later(40);
        return [first, during, after, runs, stales, await cache.fetch('brief', () => 'new', { staleWhileRevalidate: 1 })];
      }`);
      expect(seen).toEqual(['value 1', Array(3).fill('value 1'), 'value 2', 2, [null, 'value 1'], 'new']);
    },
  );

  it('voids the flights that may bear an invalidated tag, and leaves those without tags alone', async () => {
    const seen = await both(`
      export async function primary() {
        const cache = cacheOf('voided', {});
        const brought = {};
        const bring = (key) => new Promise((done) => { brought[key] = () => done('from before'); });
        const until = async (key) => { while (brought[key] === undefined) await later(1); return brought[key]; };
        const flights = [
          cache.fetch('named', bring, { tags: ['changed'] }),
          cache.fetch('asked', bring, { tags: () => [] }),
          cache.fetch('untagged', bring),
        ];
        const ends = await Promise.all(['named', 'asked', 'untagged'].map(until));
        await cache.invalidateTags(['changed']);
        const after = cache.fetch('untagged', () => 'a flight of its own');
        const anew = ['named', 'asked'].map((key) => cache.fetch(key, () => 'from after'));
        for (const end of ends) end();
        return [await Promise.all(flights), await after, await Promise.all(anew), await cache.mGet(['named', 'asked', 'untagged']).then((found) => [...found.values()])];
      }`);
    const before = 'from before';
    expect(seen).toEqual([
      [before, before, before],
      before,
      ['from after', 'from after'],
      ['from after', 'from after', before],
    ]);
  });

  ofMemory(way)('takes what a refresh and a grace go by along with a dump', async () => {
    const seen = await both(`
      export async function primary() {
        const from = cacheOf('dumped from', {});
        await from.fetch('graced', () => 'old', { ttl: 20, staleWhileRevalidate: 60_000, staleIfError: 30_000 });
        await from.fetch('dear', () => later(40).then(() => 'dear'), { ttl: 600, refreshAhead: true });
        await from.set('plain', 1);
        const dumped = JSON.parse(JSON.stringify(await from.dump()));
        const into = cacheOf('dumped into', {});
        await into.load(dumped);
        await later(30);
        const failing = () => { throw new Error('the origin is down'); };
        const stale = await into.fetch('graced', failing, { staleIfError: 30_000 });
        const again = (await into.dump()).map(([key, { grace, delta }]) => [key, grace ?? null, delta > 30]);
        // So near its end, a value that took as long to compute is refreshed by each read but few.
        let refreshed = false;
        while (!refreshed && (await into.getRemainingTTL('dear')) > 0) {
          await into.fetch('dear', () => { refreshed = true; return 'anew'; }, { refreshAhead: 50 });
          await later(5);
        }
        const refused = await Promise.all([{ grace: -1 }, { delta: 'long' }].map((more) => codeOf(into.load([['a', { value: 1, ...more }]]))));
        return [stale, again, refreshed, refused, await into.size()];
      }`);
    const refused = Array(2).fill('FLOTILLA_ERR_INVALID_ARGUMENT');
    expect(seen).toEqual([
      'old',
      [
        ['graced', 60_000, false],
        ['dear', null, true],
        ['plain', null, false],
      ],
      true,
      refused,
      3,
    ]);
  });

  ofMemory(way)(
    'asks a function for the tags of what was fetched, and stores nothing that it cannot tag',
    async () => {
      const seen = await both(`
      export async function primary() {
        const { memoize, wrap } = require('../../index.js');
        const cache = cacheOf('tagged', {});
        const tags = ({ author }) => ['user:' + author];
        await cache.fetch('post', () => ({ author: 'ada' }), { tags });
        await memoize(cache, () => ({ author: 'bob' }), String, { tags })(2);
        await cache.fetch('untagged', () => 1, { tags: () => undefined });
        const dates = wrap(cache, { encode: (date) => ({ at: Number(date) }), decode: ({ at }) => new Date(at) });
        await dates.fetch('day', () => new Date(5), { tags: (date) => ['day:' + date.getTime()] });
        const borne = (await cache.dump()).map(([key, entry]) => [key, entry.tags ?? null]);
        await cache.invalidateTags(['user:ada', 'day:5']);
        const wrong = [() => 'text', () => [''], () => Array.from({ length: 129 }, String), () => { throw new Error('no tags'); }];
        const refused = [];
        for (const each of wrong) refused.push(await codeOf(cache.fetch('bad', () => 1, { tags: each })));
        return [borne, await cache.keys(), refused];
      }`);
      const borne = [
        ['post', ['user:ada']],
        ['2', ['user:bob']],
        ['untagged', null],
        ['day', ['day:5']],
      ];
      const refused = [...Array(3).fill('FLOTILLA_ERR_INVALID_ARGUMENT'), 'Error: no tags'];
      expect(seen).toEqual([borne, ['untagged', '2'], refused]);
    },
  );

  ofMemory(way)(
    'keeps the stale value where a refresh fails, and gives it where the fetcher does, for as long as staleIfError says',
    async () => {
      const seen = await both(`
      export async function primary() {
        const cache = cacheOf('sie', {});
        const fails = () => { throw new Error('no luck'); };
        const how = { ttl: 20, staleIfError: 60_000 };
        await cache.fetch('key', () => 'good', how);
        await later(40);
        const given = await Promise.all([cache.fetch('key', fails, how), cache.fetch('key', fails, how)]);
        const refused = await codeOf(cache.fetch('key', fails, { ttl: 20 }));
        const expired = await codeOf(cache.fetch('key', fails, { ttl: 20, staleIfError: 1 }));
        const nothing = await codeOf(cache.fetch('another', fails, how));
        await cache.fetch('key', () => 'better', how);
        return [given, refused, expired, nothing, await cache.get('key'), await codeOf(cache.fetch('key', fails, { ...how, forceRefresh: true }))];
      }`);
      const no = 'Error: no luck';
      expect(seen).toEqual([['good', 'good'], no, no, no, 'better', { value: 'better' }]);
    },
  );

  it('remembers for negativeTtl that there is nothing, and gives that', async () => {
    const seen = await both(`
      export async function primary() {
        const { wrap } = require(process.cwd());
        const cache = cacheOf('negative', { negativeTtl: 60_000 });
        let runs = 0;
        const nothing = () => { runs++; return runs % 2 ? null : undefined; };
        const first = await Promise.all([cache.fetch('a', nothing), cache.fetch('a', nothing)]);
        const again = await cache.fetch('a', nothing);
        const seen = [first, again, runs, await cache.get('a'), await cache.has('a')];
        const brief = await cache.fetch('b', nothing, { negativeTtl: 20 });
        await later(40);
        seen.push(brief, await cache.fetch('b', () => 'there'));
        await cache.set('a', 'there now');
        seen.push(await cache.fetch('a', nothing));
        const wrapped = wrap(cache, { encode: (value) => value.slice(), decode: (value) => value });
        seen.push(await wrapped.fetch('c', nothing), await wrapped.fetch('c', () => 'later'));
        const plain = cacheOf('positive', {});
        seen.push(await codeOf(plain.fetch('a', () => null)), await plain.fetch('a', () => 'after'));
        return seen;
      }`);
    const nothing = null;
    const refused = expect.stringMatching(/FLOTILLA_ERR_INVALID_ARGUMENT/);
    expect(seen).toEqual([
      [nothing, nothing],
      nothing,
      1,
      nothing,
      false,
      nothing,
      'there',
      'there now',
      nothing,
      nothing,
      refused,
      'after',
    ]);
  });

  ofMemory(way)(
    'gives a stale value after softTimeout, and rejects after hardTimeout; the fetcher goes on, and its value is stored',
    async () => {
      const seen = await both(`
      export async function primary() {
        const cache = cacheOf('timeouts', {});
        const seen = [];
        const brings = {};
        const slow = (key) => new Promise((done) => { brings[key] = done; });
        await cache.fetch('soft', () => 'stale', { ttl: 10, staleIfError: 60_000 });
        await later(30);
        seen.push(await cache.fetch('soft', slow, { softTimeout: 20 }));
        seen.push(await codeOf(cache.fetch('hard', slow, { hardTimeout: 20 })));
        const none = codeOf(cache.fetch('none', slow, { softTimeout: 20 }));
        while (brings.none === undefined) await later(1);
        await later(40);
        for (const [key, value] of Object.entries({ soft: 'fresh', hard: 'came', none: 'slow' })) brings[key](value);
        seen.push(await none);
        for (const key of ['soft', 'hard']) {
          while (await cache.get(key) === undefined) await later(1);
          seen.push(await cache.get(key));
        }
        return seen;
      }`);
      expect(seen).toEqual(['stale', 'FLOTILLA_ERR_FETCH_TIMEOUT', { value: 'slow' }, 'fresh', 'came']);
    },
  );

  it('lets a caller stop waiting by its own signal, and the flight goes on', async () => {
    const seen = await both(`
      export async function primary() {
        const cache = cacheOf('signals', {});
        const controller = new AbortController();
        let runs = 0;
        const bring = () => { runs++; return new Promise((done) => setTimeout(done, 60, 'brought')); };
        const stopped = codeOf(cache.fetch('key', bring, { signal: controller.signal }));
        const other = cache.fetch('key', bring);
        controller.abort(new RangeError('enough'));
        const seen = [await stopped, await other, runs, await cache.get('key')];
        seen.push(await codeOf(cache.fetch('aborted', bring, { signal: controller.signal })), runs, await cache.has('aborted'));
        return seen;
      }`);
    expect(seen).toEqual(['RangeError: enough', 'brought', 1, 'brought', 'RangeError: enough', 1, false]);
  });

  it('refuses what it cannot take, before anything is done', async () => {
    const seen = await both(`
      export async function primary() {
        const cache = cacheOf('refusals', {});
        const wrong = { staleWhileRevalidate: [-1, '5', Number.NaN], staleIfError: [-1, {}], refreshAhead: ['yes', -1, Infinity], negativeTtl: [0, -5, '1'],
          softTimeout: [0, -1, 'x'], hardTimeout: [0, -1, []], jitter: [-0.1, 1.1, 'x'], signal: [{}, true], lease: [0, 'x'], ttl: ['x'] };
        const taken = [];
        let runs = 0;
        for (const [name, values] of Object.entries(wrong)) {
          for (const value of values) {
            const code = await codeOf(cache.fetch('key', () => { runs++; return 1; }, { [name]: value }));
            if (code !== 'FLOTILLA_ERR_INVALID_ARGUMENT') taken.push([name, String(value), code]);
            if (['signal', 'lease', 'ttl'].includes(name)) continue;
            try { cacheOf('made', { [name]: value }); taken.push([name, String(value), 'made']); } catch ({ code }) { if (code !== 'FLOTILLA_ERR_INVALID_ARGUMENT') taken.push([name, code]); }
          }
        }
        const misspelt = await cache.fetch('key', () => 1, { staleWhileRevalidat: 5 }).catch(({ code, message }) => [code, /"staleWhileRevalidate"/.test(message)]);
        return [taken, runs, misspelt, await cache.has('key')];
      }`);
    expect(seen).toEqual([[], 0, ['FLOTILLA_ERR_UNKNOWN_OPTION', true], false]);
  });

  ofMemory(way)('refreshes once for each expiry, however many read in four processes', async () => {
    const { prints } = startProgram(
      `
      const later = (time) => new Promise((done) => setTimeout(done, time));
      const cache = new LRUCacheClustered({ namespace: 'crowd', ttl: 150, staleWhileRevalidate: 60_000, timeout: 60_000 });
      const runs = new LRUCacheClustered({ namespace: 'runs', timeout: 60_000 });
      export async function main() {
        if (cluster.isPrimary) {
          await cache.fetch('key', () => 0);
          const workers = [1, 2, 3, 4].map(() => cluster.fork());
          const all = await Promise.all(workers.map((worker) => new Promise((done) => worker.on('message', (message) => Array.isArray(message?.seen) && done(message)))));
          const time = Math.max(...all.map(({ ended }) => ended)) - Math.min(...all.map(({ began }) => began));
          const count = await runs.get('count');
          // Each value is one refresh: the readers have seen as many as there were, or one fewer.
          console.log(JSON.stringify({ count, time, seen: new Set(all.flatMap(({ seen }) => seen)).size, order: all.every(({ seen }) => seen.every((value, at) => at === 0 || value > seen[at - 1])) }));
          process.exit();
        }
        const bring = async () => { await later(20); return runs.incr('count'); };
        const seen = new Set();
        const began = Date.now();
        await Promise.all(Array.from({ length: 25 }, async () => {
          while (Date.now() < began + 1500) { seen.add(await cache.fetch('key', bring)); await later(1); }
        }));
        process.send({ seen: [...seen], began, ended: Date.now() });
      }`,
      env,
    );
    const [line] = await prints(/\{.*\}/);
    const { count, time, seen, order } = JSON.parse(line);
    expect(order).toBe(true);
    // The last refresh may come too late for the readers; that there was nothing and the 0 is one more.
    expect([seen - 1, seen]).toContain(count);
    // One refresh for each 150 ms and the 20 that it takes, from the first reader's begin to the last one's end; a slow
    // machine has fewer.
    expect(count).toBeGreaterThan(2);
    expect(count).toBeLessThanOrEqual(time / 150 + 2);
  });
});

describe('loading', () => {
  it('refreshes early by chance: never what was cheap and is young, surely what is dear and near its end', async () => {
    const cache = new LRUCacheClustered({ namespace: 'early', ttl: 60_000, refreshAhead: true });
    const bring = vi.fn(async () => {
      await later(20);
      return bring.mock.calls.length;
    });
    expect(await cache.fetch('key', bring)).toBe(1);
    for (let read = 0; read < 1000; read++) expect(await cache.fetch('key', bring)).toBe(1);
    expect(bring).toHaveBeenCalledTimes(1);
    // As if it had taken a thousand hours: the first read refreshes it, and is answered at once.
    expect(await cache.fetch('key', bring, { refreshAhead: 1e9 })).toBe(1);
    expect(await cache.fetch('key', bring, { refreshAhead: 1e9 })).toBe(1);
    expect(bring).toHaveBeenCalledTimes(2);
    await vi.waitFor(async () => expect(await cache.get('key')).toBe(2));
  });

  it('spreads lifetimes below the one that is said', async () => {
    const cache = new LRUCacheClustered({ namespace: 'spread', ttl: 100_000, jitter: 0.5 });
    const lives = [];
    for (let key = 0; key < 100; key++) {
      await cache.fetch(key, () => key);
      lives.push(await cache.getRemainingTTL(key));
    }
    expect(Math.max(...lives)).toBeLessThanOrEqual(100_000);
    expect(Math.min(...lives)).toBeGreaterThanOrEqual(49_000);
    expect(Math.max(...lives) - Math.min(...lives)).toBeGreaterThan(20_000);
    await cache.fetch('for ever', () => 1, { ttl: 0 });
    expect(await cache.getRemainingTTL('for ever')).toBe(Number.POSITIVE_INFINITY);
  });

  it('stores tags, which make what was fetched gone, and void the flight that brings such', async () => {
    const cache = new LRUCacheClustered({ namespace: 'tagged' });
    const how = { tags: ['news'] };
    await cache.fetch('a', () => 'first', how);
    await cache.fetch('b', () => null, { ...how, negativeTtl: 60_000 });
    await cache.invalidateTags(['news']);
    expect([await cache.fetch('a', () => 'second', how), await cache.fetch('b', () => 'there')]).toEqual([
      'second',
      'there',
    ]);
    let bring;
    const asked = cache.fetch(
      'c',
      () =>
        new Promise((resolve) => {
          bring = resolve;
        }),
      how,
    );
    await cache.invalidateTags(['news']);
    bring('old');
    expect([await asked, await cache.has('c'), await cache.has('a')]).toEqual(['old', false, false]);
    await expect(cache.fetch('d', () => 1, { tags: [''] })).rejects.toThrow('each tag');
  });

  it('gives memoize the options of its calls', async () => {
    const cache = new LRUCacheClustered({ namespace: 'memoized' });
    const load = vi.fn(async () => null);
    const get = memoize(cache, load, String, { negativeTtl: 60_000 });
    expect([await get(1), await get(1)]).toEqual([undefined, undefined]);
    expect(load).toHaveBeenCalledTimes(1);
  });
});
