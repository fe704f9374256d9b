// Operations that look and change in one step, for all processes, and tags: in one process and on both transports.

import { LRUCacheClustered, wrap } from 'flotilla';
import { afterEach, describe, expect, it } from 'vitest';
import { inCluster } from '../fixtures/cache.mjs';
import { environmentOf, ways } from '../fixtures/tier.mjs';

const code = 'FLOTILLA_ERR_INVALID_ARGUMENT';
const make = (options = {}) => new LRUCacheClustered({ namespace: 'one step', max: 100, ...options });

afterEach(() => LRUCacheClustered.getAllCaches().clear());

describe('tags', () => {
  it('make what bears one of them gone to every read, and leave all else', async () => {
    const cache = make({ allowStale: true, noDeleteOnStaleGet: true });
    await cache.set('user', { id: 1 }, { tags: ['user:1', 'users'] });
    await cache.setIfAbsent('list', [1], { tags: ['users'] });
    await cache.mSet(
      [
        ['page', 'text'],
        ['own', 'text', { tags: ['page:2'] }],
      ],
      { tags: ['page:1'] },
    );
    await cache.incr('visits', 3, { tags: ['users'] });
    await cache.set('plain', 1);
    await cache.invalidateTags(['users', 'page:1', 'of nothing']);
    expect(await cache.size()).toBe(6);
    expect(await cache.has('user')).toBe(false);
    expect(await cache.peek('list')).toBeUndefined();
    expect(await cache.getRemainingTTL('page')).toBe(0);
    expect(cache.sync.info('visits')).toBeUndefined();
    expect(new Set(await cache.keys())).toEqual(new Set(['own', 'plain']));
    expect((await cache.dump()).map(([key]) => key)).toEqual(['own', 'plain']);
    expect(await cache.mGet(['user', 'list', 'page', 'own', 'visits', 'plain'])).toEqual(
      new Map([
        ['user', undefined],
        ['list', undefined],
        ['page', undefined],
        ['own', 'text'],
        ['visits', undefined],
        ['plain', 1],
      ]),
    );
    expect(await cache.size()).toBe(2);
    expect(await cache.incr('visits')).toBe(1);
    await cache.set('user', { id: 2 }, { tags: ['users'] });
    expect(await cache.get('user')).toEqual({ id: 2 });
  });

  it('are those of the last write, also where a counter goes on', async () => {
    const { sync } = make();
    sync.set('a', 1, { tags: ['old'] });
    sync.set('a', 2, { tags: ['new'] });
    sync.incr('counter', 1, { tags: ['old'] });
    sync.incr('counter', 1, { tags: ['new'] });
    sync.touch('counter', { ttl: 1000 });
    sync.invalidateTags(['old']);
    expect([sync.get('a'), sync.get('counter')]).toEqual([2, undefined]);
    sync.set('a', 3);
    sync.invalidateTags(['new']);
    expect(sync.get('a')).toBe(3);
  });

  it('are seen at once by a reader that has read the key a thousand times', () => {
    const { sync } = make();
    sync.set('hot', 'value', { tags: ['a'] });
    sync.set('cold', 'value');
    for (let read = 0; read < 1000; read++) sync.get(read % 2 ? 'hot' : 'cold');
    sync.invalidateTags(['a']);
    expect([sync.get('hot'), sync.get('cold')]).toEqual([undefined, 'value']);
  });

  it('go along with dump and load, and so do versions', async () => {
    const [from, to] = [make({ namespace: 'from' }), make({ namespace: 'to' })];
    await from.set('tagged', 'text', { tags: ['a', 'ö €'] });
    await from.set('versioned', 'text');
    await from.set('gone', 'text', { tags: ['b'] });
    const { version } = (await from.getWithVersion('versioned')) ?? {};
    await from.invalidateTags(['b']);
    const dumped = JSON.parse(JSON.stringify(await from.dump()));
    expect(dumped).toEqual([
      ['tagged', { value: 'text', tags: ['a', 'ö €'] }],
      ['versioned', { value: 'text', version }],
    ]);
    await to.load(dumped);
    expect(await to.dump()).toEqual(dumped);
    expect(await to.setIfVersion('versioned', 'new', version)).toBe(true);
    await to.invalidateTags(['ö €']);
    expect(await to.keys()).toEqual(['versioned']);
  });

  it('go as they expire where entries purge themselves', async () => {
    const cache = make({ ttl: 60_000, ttlAutopurge: true });
    await cache.set('a', 1, { tags: ['t'] });
    await cache.set('b', 1);
    await cache.invalidateTags(['t']);
    expect(await cache.get('a')).toBeUndefined();
    expect(await cache.purgeStale()).toBe(false);
    expect(await cache.keys()).toEqual(['b']);
  });

  it.each([
    ['a string for a list', 'name'],
    ['what is no string', ['a', 5]],
    ['an empty one', ['']],
    ['one of a million characters', ['x'.repeat(1e6)]],
    ['a lone surrogate', ['\ud800']],
  ])('refuse %s, and nothing is changed', async (_what, tags) => {
    const cache = make();
    await cache.set('a', 1, { tags: ['kept'] });
    for (const call of [
      () => cache.set('a', 2, { tags }),
      () =>
        cache.mSet([
          ['b', 1],
          ['a', 2, { tags }],
        ]),
      () => cache.setIfAbsent('b', 1, { tags }),
      () => cache.incr('a', 1, { tags }),
      () => cache.load([['b', { value: 1, tags }]]),
      () => cache.invalidateTags(['kept', ...(Array.isArray(tags) ? tags : [[]])]),
      () => cache.invalidateTags(tags),
    ]) {
      await expect((async () => call())()).rejects.toMatchObject({ code });
    }
    expect(await cache.entries()).toEqual([['a', 1]]);
  });

  it('are at most 128 on an entry, and as many as you like to invalidate', async () => {
    const cache = make();
    const tags = Array.from({ length: 10_000 }, (_, index) => `tag ${index}`);
    await expect(cache.set('a', 1, { tags })).rejects.toThrow('at most 128; it is 10000');
    expect(await cache.has('a')).toBe(false);
    await cache.set('a', 1, { tags: tags.slice(0, 128) });
    expect((await cache.dump())[0][1].tags).toHaveLength(128);
    await cache.invalidateTags(tags.slice(127));
    expect(await cache.has('a')).toBe(false);
  });
});

describe('take', () => {
  it('gives the value and removes it', async () => {
    const cache = make();
    await cache.set('a', { deep: [1] });
    expect(await cache.take('a')).toEqual({ deep: [1] });
    expect(await cache.take('a')).toBeUndefined();
    expect(await cache.has('a')).toBe(false);
    const { hits, misses, deletes } = await cache.stats();
    expect([hits, misses, deletes]).toEqual([1, 1, 1]);
    await expect(cache.take({})).rejects.toMatchObject({ code });
  });
});

describe('versions', () => {
  it('stand until a value is stored, and never again after', async () => {
    const { sync } = make();
    sync.set('a', 'one', { ttl: 60_000 });
    const { version } = sync.getWithVersion('a') ?? {};
    expect(sync.getWithVersion('a')).toEqual({ value: 'one', version });
    sync.touch('a', { ttl: 70_000 });
    expect(sync.getWithVersion('a')?.version).toBe(version);
    for (const change of [
      () => sync.set('a', 'one'),
      () => sync.delete('a') && sync.set('a', 'one'),
      () => sync.take('a') && sync.set('a', 'one'),
      () => sync.setIfVersion('a', 'one', sync.getWithVersion('a')?.version),
      () => sync.clear(),
    ]) {
      const seen = sync.getWithVersion('a')?.version;
      change();
      expect(sync.setIfVersion('a', 'wrong', seen)).toBe(false);
      expect(sync.setIfVersion('a', 'wrong', version)).toBe(false);
      expect(sync.get('a')).toBe(sync.size ? 'one' : undefined);
    }
    expect(sync.setIfVersion('a', 'new', undefined)).toBe(true);
    expect(sync.setIfVersion('a', 'newer', undefined)).toBe(false);
    sync.set('n', 1);
    const seen = sync.getWithVersion('n')?.version;
    sync.incr('n');
    expect(sync.setIfVersion('n', 5, seen)).toBe(false);
  });

  it.each(['1', 1, '0000000000000000x', {}])('refuse %j, which none of them is', async (version) => {
    const cache = make();
    await expect(cache.setIfVersion('a', 1, version)).rejects.toMatchObject({ code });
    expect(await cache.setIfVersion('a', 1, '0000000000000000')).toBe(false);
    expect(await cache.size()).toBe(0);
  });

  it('keep an entry that is too large from being stored', async () => {
    const cache = make({ maxEntrySize: 5 });
    await cache.set('a', 'kept', { size: 5 });
    const { version } = (await cache.getWithVersion('a')) ?? {};
    await expect(cache.setIfVersion('a', 'new', version, { size: 6 })).rejects.toMatchObject({
      code: 'FLOTILLA_ERR_INVALID_SIZE',
    });
    expect(await cache.get('a')).toBe('kept');
  });
});

describe('update', () => {
  it('stores what the function makes of what is there, and leaves it alone for undefined', async () => {
    const cache = make();
    expect(await cache.update('a', (value) => [...(value ?? []), 1], { tags: ['t'] })).toEqual([1]);
    expect(await cache.update('a', async (value) => [...value, 2])).toEqual([1, 2]);
    expect(await cache.update('a', () => undefined)).toEqual([1, 2]);
    expect(await cache.get('a')).toEqual([1, 2]);
    expect(await cache.update('b', () => undefined)).toBeUndefined();
    expect(cache.sync.update('a', (value) => value.length)).toBe(2);
    expect(await cache.keys()).toEqual(['a']);
  });

  it('rejects with what the function throws, and with a code when it never agrees', async () => {
    const cache = make();
    await cache.set('a', 1);
    const wrong = new Error('of its own');
    await expect(cache.update('a', () => Promise.reject(wrong))).rejects.toBe(wrong);
    let calls = 0;
    const meddle = () => cache.set('a', ++calls).then(() => 'mine');
    await expect(cache.update('a', meddle, { retries: 3 })).rejects.toMatchObject({
      code: 'FLOTILLA_ERR_UPDATE_CONFLICT',
    });
    expect([calls, await cache.get('a')]).toEqual([4, 4]);
    const same = (retries) => cache.sync.update('a', () => cache.sync.set('a', 9) && 8, { retries });
    expect(() => same(2)).toThrow('each of the 3 times');
    for (const retries of [-1, 1.5, '2', Number.NaN]) expect(() => same(retries)).toThrow('retries');
    await expect(cache.update('a', 'no function')).rejects.toMatchObject({ code });
    await expect(cache.update('a', () => null)).rejects.toMatchObject({ code });
    expect(await cache.get('a')).toBe(9);
  });
});

describe('incrWithTtl', () => {
  it('counts and tells what is left, from the first write on', async () => {
    const cache = make();
    expect(await cache.incrWithTtl('n', 2)).toEqual({ value: 2, ttl: Number.POSITIVE_INFINITY });
    const first = await cache.incrWithTtl('window', 1, { ttl: 60_000 });
    expect(first).toEqual({ value: 1, ttl: 60_000 });
    const { value, ttl } = await cache.incrWithTtl('window', 1, { ttl: 90_000 });
    expect([value, ttl <= 60_000, Number.isInteger(ttl)]).toEqual([2, true, true]);
    await cache.set('text', 'x');
    await expect(cache.incrWithTtl('text')).rejects.toMatchObject({ code: 'FLOTILLA_ERR_NOT_A_NUMBER' });
    await expect(cache.incrWithTtl('n', Number.NaN)).rejects.toMatchObject({ code });
  });
});

describe('a wrapped cache', () => {
  it('has them all, with values that pass through its codec', async () => {
    const cache = make();
    const wrapped = wrap(cache, { encode: (date) => date.getTime(), decode: (time) => new Date(time) });
    await wrapped.set('a', new Date(5), { tags: ['t'] });
    const { value, version } = (await wrapped.getWithVersion('a')) ?? {};
    expect(value).toEqual(new Date(5));
    expect(await wrapped.setIfVersion('a', new Date(6), version, { tags: ['t'] })).toBe(true);
    expect(await wrapped.update('a', (date) => new Date(date.getTime() + 1))).toEqual(new Date(7));
    expect(await cache.get('a')).toBe(7);
    expect(await wrapped.take('a')).toEqual(new Date(7));
    expect(await wrapped.update('a', (date) => date)).toBeUndefined();
    expect(await wrapped.getWithVersion('a')).toBeUndefined();
    await wrapped.setIfAbsent('a', new Date(8), { tags: ['t'] });
    await wrapped.invalidateTags(['t']);
    expect(await wrapped.get('a')).toBeUndefined();
  });
});

describe.each(ways)('in several processes, over %s,', (way) => {
  const env = environmentOf(way);

  it('one of all takes a value, no update is lost, and every count is told once', async () => {
    const { answers, after } = await inCluster(
      `
      const cache = new LRUCacheClustered({ namespace: 'n', max: 1000, timeout: 60_000 });
      export const primary = () => cache.mSet(Array.from({ length: 100 }, (_, index) => [index, index]));
      export async function worker() {
        const taken = [];
        const counts = [];
        for (let round = 0; round < 100; round++) {
          const value = await cache.take(round);
          if (value !== undefined) taken.push(value);
          await cache.update('list', async (list = 0) => list + 1, { retries: 1000 });
          counts.push((await cache.incrWithTtl('count', 1, { ttl: 60_000 })).value);
        }
        return { taken, counts };
      }
      export const afterwards = () => cache.get('list');
      `,
      { workers: 3, env },
    );
    const sorted = (part) => answers.flatMap((answer) => answer[part]).sort((one, other) => one - other);
    expect(sorted('taken')).toEqual(Array.from({ length: 100 }, (_, index) => index));
    expect(sorted('counts')).toEqual(Array.from({ length: 300 }, (_, index) => index + 1));
    expect(after).toBe(300);
  });

  it('a tag that another process invalidates makes its entries gone, and each way to write takes tags', async () => {
    const { answers, after } = await inCluster(
      `
      const cache = new LRUCacheClustered({ namespace: 'n', max: 1000, timeout: 60_000 });
      const keys = ['set', 'setIfAbsent', 'mSet', 'setIfVersion', 'update', 'incr', 'load'];
      export async function primary() {
        await cache.set('primary', 1, { tags: ['t'] });
      }
      export async function worker() {
        await cache.load([...(await cache.dump()), ['load', { value: 1, tags: ['t', 'u'] }]]);
        await cache.set('set', 1, { tags: ['t'] });
        await cache.setIfAbsent('setIfAbsent', 1, { tags: ['t'] });
        await cache.mSet([['mSet', 1], ['mine', 1, { tags: ['v'] }]], { tags: ['t'] });
        await cache.setIfVersion('setIfVersion', 1, undefined, { tags: ['t'] });
        await cache.update('update', () => 1, { tags: ['t'] });
        await cache.incr('incr', 1, { tags: ['t'] });
        const before = [...(await cache.mGet(keys)).values()];
        await cache.invalidateTags(['t']);
        const refused = await cache.set('set', 1, { tags: [''] }).catch(({ code }) => code);
        return [before, [...(await cache.mGet(keys)).values()], await cache.get('mine'), refused];
      }
      export const afterwards = async () => [await cache.get('primary'), await cache.keys()];
      `,
      { workers: 1, env },
    );
    expect(answers).toEqual([[Array(7).fill(1), Array(7).fill(null), 1, code]]);
    expect(after).toEqual([null, ['mine']]);
  });
});

it('does not store over IPC what it was not told of', async () => {
  const { answers } = await inCluster(
    `
    export async function worker() {
      const cache = new LRUCacheClustered({ namespace: 'slow', timeout: 0 });
      let runs = 0;
      // The answer finds a worker whose time is up already.
      const { send } = process;
      process.send = (...message) => {
        const isSent = send.apply(process, message);
        for (const until = performance.now() + 20; performance.now() < until; );
        return isSent;
      };
      const message = await cache.update('a', () => ++runs).catch((error) => error.message);
      process.send = send;
      return [message, runs];
    }`,
    { workers: 1, env: { FLOTILLA_TRANSPORT: 'ipc' } },
  );
  expect(answers).toEqual([['IPC timeout', 0]]);
});
