// What a program written for lru-cache-clustered does with options, views and `localL1`, in the primary and in workers, on
// shared memory and over messages.

import { LRUCacheClustered } from 'flotilla';
import { FlotillaRateLimitStore } from 'flotilla/express-rate-limit';
import { FlotillaStore } from 'flotilla/express-session';
import { fastifyRateLimitStore } from 'flotilla/fastify-rate-limit';
import { afterEach, describe, expect, it } from 'vitest';
import { inCluster } from '../fixtures/cache.mjs';

afterEach(() => LRUCacheClustered.getAllCaches().clear());

const transports = ['shared', 'ipc'];
/** What a worker answers. @param {string} source @param {string} FLOTILLA_TRANSPORT */
const ofWorker = async (source, FLOTILLA_TRANSPORT) =>
  (await inCluster(source, { workers: 1, env: { FLOTILLA_TRANSPORT } })).answers[0];

/** The message of what a call throws, or nothing. */
function refusal(call) {
  try {
    call();
  } catch ({ name, code, message }) {
    return `${name} ${code}: ${message}`;
  }
}

describe('an option that is left out', () => {
  it('conflicts with nothing in the primary', async () => {
    const made = new LRUCacheClustered({ namespace: 'n', max: 5, ttl: 60_000, allowStale: true });
    await made.set('a', 1);
    for (const options of [
      {},
      { max: undefined, allowStale: null },
      { max: 5 },
      { ttl: 60_000, allowStale: true },
    ]) {
      const joined = new LRUCacheClustered({ namespace: 'n', ...options });
      expect([await joined.get('a'), await joined.max(), await joined.ttl()]).toEqual([1, 5, 60_000]);
    }
    expect(refusal(() => new LRUCacheClustered({ namespace: 'n', ttl: 0, allowStale: false }))).toContain(
      "namespace 'n': ttl=60000 (existing) != undefined (incoming), allowStale=true (existing) != false (incoming)",
    );
  });

  it.each(transports)('conflicts with nothing in a worker, %s', async (transport) => {
    const answer = await ofWorker(
      `
      const how = { timeout: 60_000 };
      export const primary = () => new LRUCacheClustered({ namespace: 'n', max: 5, ttl: 60_000, updateAgeOnGet: true }).set('a', 1);
      export async function worker() {
        const told = [];
        for (const options of [{}, { max: undefined }, { ttl: 60_000 }]) {
          const joined = await LRUCacheClustered.getInstance({ namespace: 'n', ...how, ...options });
          told.push([await joined.get('a'), await joined.max(), await joined.ttl()]);
        }
        const said = new LRUCacheClustered({ namespace: 'n', updateAgeOnGet: false, ...how });
        return [told, await said.get('a').catch(({ message }) => message)];
      }`,
      transport,
    );
    expect(answer).toEqual([
      Array(3).fill([1, 5, 60_000]),
      "Conflicting options for namespace 'n': updateAgeOnGet=true (existing) != false (incoming)",
    ]);
  });

  it.each(transports)('leaves the sizes to whoever made the cache, %s', async (transport) => {
    const answer = await ofWorker(
      `
      const how = { timeout: 60_000 };
      export const primary = () => new LRUCacheClustered({ namespace: 'n', maxSize: 10 }).set('a', 1, { size: 2 });
      export async function worker() {
        const joined = new LRUCacheClustered({ namespace: 'n', ...how });
        let ran = 0;
        const code = (promise) => promise.then((value) => value, (error) => error.code);
        return [await joined.get('a'), await code(joined.set('b', 1)), await code(joined.fetch('b', () => ++ran)), await code(joined.mSet([['b', 1]])), ran,
          await joined.size(), await code(joined.fetch('b', () => ++ran, { size: 3 })), await code(joined.mSet([['c', 1, { size: 1 }]])) ?? 'stored', await joined.size()];
      }`,
      transport,
    );
    const code = 'FLOTILLA_ERR_INVALID_SIZE';
    expect(answer).toEqual([1, code, code, code, 0, 1, 1, 'stored', 3]);
  });

  it('is the one that the cache had when it is made again', async () => {
    new LRUCacheClustered({ namespace: 'n', max: 5 });
    const joined = new LRUCacheClustered({ namespace: 'n' });
    await joined.destroy();
    expect([await joined.set('a', 1), await joined.max()]).toEqual([true, 5]);
  });

  it('is the one that the cache has since somebody made it anew', async () => {
    const first = new LRUCacheClustered({ namespace: 'n', max: 5 });
    const joined = new LRUCacheClustered({ namespace: 'n' });
    const view = joined.getCache();
    await first.destroy();
    new LRUCacheClustered({ namespace: 'n', maxSize: 50 });
    expect(await joined.fetch('a', () => 1, { size: 2 })).toBe(1);
    await expect(joined.fetch('b', () => 1)).rejects.toMatchObject({ code: 'FLOTILLA_ERR_INVALID_SIZE' });
    expect([view.maxSize, view.max, view.size]).toEqual([50, 0, 1]);
    await expect(first.get('a')).rejects.toMatchObject({ code: 'FLOTILLA_ERR_CONFLICTING_OPTIONS' });
  });
});

describe('options in conflict, in a worker', () => {
  it.each(transports)(
    'reject each use instead of the constructor, until the cache is another, %s',
    async (transport) => {
      const answer = await ofWorker(
        `
      export const primary = async () => {
        await new LRUCacheClustered({ namespace: 'n', max: 5 }).set('a', 1);
        cluster.on('message', async (worker, message) => {
          if (message?.flotilla !== 'remove') return;
          LRUCacheClustered.getAllCaches().delete('n');
          worker.send('removed');
        });
      };
      export async function worker() {
        const options = { namespace: 'n', max: 6, timeout: 60_000 };
        const cache = new LRUCacheClustered(options);
        const ready = await cache.ready.then(() => 'ready');
        const uses = [cache.get('a'), cache.set('a', 2), cache.fetch('a', () => 1), cache.mSet([['a', 1]]), cache.healthCheck(), LRUCacheClustered.getInstance(options)];
        const said = await Promise.all(uses.map((use) => use.catch(({ code, message }) => code + ' ' + message)));
        const removed = new Promise((done) => process.on('message', (message) => message === 'removed' && done()));
        process.send({ flotilla: 'remove' });
        await removed;
        return [ready, [...new Set(said)], await cache.set('a', 3), await cache.max()];
      }`,
        transport,
      );
      expect(answer).toEqual([
        'ready',
        [
          "FLOTILLA_ERR_CONFLICTING_OPTIONS Conflicting options for namespace 'n': max=5 (existing) != 6 (incoming)",
        ],
        true,
        6,
      ]);
    },
  );
});

describe('a view of getCache() and getAllCaches()', () => {
  it('has the limits and flags of the cache, as lru-cache has them', async () => {
    const options = { maxSize: 10, maxEntrySize: 5, ttl: 1000, allowStale: true, noDeleteOnStaleGet: true };
    const cache = new LRUCacheClustered({ namespace: 'n', ...options });
    const expected = {
      ...options,
      max: 0,
      updateAgeOnGet: false,
      updateAgeOnHas: false,
      ttlAutopurge: false,
    };
    const view = cache.getCache();
    expect(view).toMatchObject(expected);
    expect(LRUCacheClustered.getAllCaches().get('n')).toMatchObject(expected);
    expect(cache.sync).toMatchObject(expected);
    await cache.max(7);
    await cache.ttl(2000);
    await cache.allowStale(false);
    expect(view).toMatchObject({ max: 7, ttl: 2000, allowStale: false });
    view.ttl = 3000;
    view.allowStale = true;
    expect([await cache.ttl(), await cache.allowStale()]).toEqual([3000, true]);
    expect(refusal(() => (view.ttl = -1))).toContain('FLOTILLA_ERR_INVALID_ARGUMENT');
  });
});

describe('an option that means nothing here', () => {
  const known =
    'namespace, max, maxSize, maxEntrySize, ttl, allowStale, updateAgeOnGet, updateAgeOnHas, noDeleteOnStaleGet, ttlAutopurge, timeout, failsafe, lockTimeout, localL1, tier, staleWhileRevalidate, staleIfError, refreshAhead, negativeTtl, softTimeout, hardTimeout, jitter';
  it.each([
    ['dispose', 'a function could run in one process only'],
    ['disposeAfter', 'a function could run in one process only'],
    ['sizeCalculation', 'a function could run in one process only; say "size" with each write'],
    ['fetchMethod', 'a function could run in one process only; call fetch(key, fetcher)'],
    ['memoMethod', 'a function could run in one process only; use memoize'],
    ['noDisposeOnSet', 'nothing is disposed of here'],
    ['ignoreFetchAbort', 'it belongs to fetchMethod: call fetch(key, fetcher, options)'],
    ['maxAge', 'it is "ttl"'],
    ['maxx', 'did you mean "max"?'],
    ['tll', 'did you mean "ttl"?'],
    ['MAX', 'did you mean "max"?'],
    ['namespac', 'did you mean "namespace"?'],
    ['maxEntriesSize', 'did you mean "maxEntrySize"?'],
    ['colour', `it takes ${known}`],
  ])('is refused by name: %s', (name, advice) => {
    const make = (value) => new LRUCacheClustered({ namespace: 'refused', max: 5, [name]: value });
    expect(refusal(() => make(() => 1))).toBe(
      `TypeError FLOTILLA_ERR_UNKNOWN_OPTION: LRUCacheClustered takes no option "${name}": ${advice}`,
    );
    expect([...LRUCacheClustered.getAllCaches().keys()]).toEqual([]);
    expect(refusal(() => make(undefined))).toBeUndefined();
  });

  it.each([
    [
      'LRUCacheClustered.bootstrap',
      () => LRUCacheClustered.bootstrap({ memroy: '64mb' }),
      'memroy',
      'memory',
    ],
    ['FlotillaStore', () => new FlotillaStore({ tll: 5 }), 'tll', 'ttl'],
    ['FlotillaRateLimitStore', () => new FlotillaRateLimitStore({ prefx: 'a' }), 'prefx', 'prefix'],
    ['fastifyRateLimitStore', () => fastifyRateLimitStore({ namspace: 'a' }), 'namspace', 'namespace'],
  ])('is refused by what is made of a cache, too: %s', (what, make, name, meant) => {
    expect(refusal(make)).toBe(
      `TypeError FLOTILLA_ERR_UNKNOWN_OPTION: ${what} takes no option "${name}": did you mean "${meant}"?`,
    );
    expect([...LRUCacheClustered.getAllCaches().keys()]).toEqual([]);
  });

  it.each(transports)('is refused in a worker as in the primary, %s', async (transport) => {
    const answer = await ofWorker(
      `
      export async function worker() {
        const codes = [];
        try { new LRUCacheClustered({ namespace: 'refused', maxx: 5 }); } catch (error) { codes.push(error.code); }
        await LRUCacheClustered.getInstance({ namespace: 'refused', tll: 5 }).catch((error) => codes.push(error.code));
        return codes;
      }
      export const afterwards = () => [...LRUCacheClustered.getAllCaches().keys()];`,
      transport,
    );
    expect(answer).toEqual(Array(2).fill('FLOTILLA_ERR_UNKNOWN_OPTION'));
  });
});

describe('localL1', () => {
  const options = { namespace: 'l1', localL1: { enabled: true, experimental: true, ttl: 2000 } };

  it('is taken with all that goes with it, and no read is outdated', async () => {
    const cache = new LRUCacheClustered(options);
    const other = new LRUCacheClustered({ namespace: 'l1' });
    const heard = [];
    expect(cache.on('l1:hit', (event) => heard.push(event))).toBe(cache);
    for (let round = 0; round < 2000; round++) {
      await other.set('a', round);
      const reads = [cache.get('a'), cache.get('a', { bypassL1: true }), cache.withoutLocal().get('a')];
      expect(await Promise.all(reads)).toEqual([round, round, round]);
    }
    expect(await cache.fetch('a', () => 5, { bypassL1: true })).toBe(1999);
    expect((await cache.mGet(['a'], { bypassL1: true })).get('a')).toBe(1999);
    expect([cache.localStats().enabled, cache.localStats().ipcAvoided, heard]).toEqual([false, 0, []]);
  });

  it.each(transports)('is taken in a worker, %s', async (transport) => {
    const answer = await ofWorker(
      `
      export async function worker() {
        const cache = new LRUCacheClustered({ ...${JSON.stringify(options)}, timeout: 60_000 });
        await cache.set('a', 1);
        return [await cache.get('a', { bypassL1: true }), await cache.withoutLocal().get('a'), cache.localStats().enabled];
      }`,
      transport,
    );
    expect(answer).toEqual([1, 1, false]);
  });

  it('is refused where it is no object, and an event that there is not', () => {
    const text = refusal(() => new LRUCacheClustered({ ...options, localL1: true }));
    expect(text).toContain('FLOTILLA_ERR_INVALID_ARGUMENT: localL1 must be an object; it is true');
    expect(refusal(() => new LRUCacheClustered(options).on('hit', () => {}))).toContain(
      'event must be one of l1:hit, ',
    );
  });
});
