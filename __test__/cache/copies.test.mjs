// Copies: reads that are answered without a call into native code. Whatever is read this way must be what the shared
// memory holds at that moment, and must move recency, count as a hit and expire as any other read.

import { LRUCache } from 'lru-cache';
import { describe, expect, it } from 'vitest';
import { inCluster } from '../fixtures/cache.mjs';

/** What every program here begins with. */
const copying = `
const keeping = require('../cache/copy-keeping.js');
Object.assign(keeping.tuning, { readsBefore: 1, sample: 1 });
let copied = 0;
// Copies are a module that is loaded where the shared memory is there.
new LRUCacheClustered({ namespace: 'first' });
const { Copies } = require('../cache/copies.js');
const { read } = Copies.prototype;
Copies.prototype.read = function (key) {
  const copy = read.call(this, key);
  if (copy !== undefined) copied += 1;
  return copy;
};
`;

/** @param {string} source @param {Parameters<typeof inCluster>[1]} [options] */
const reading = (source, options) => inCluster(copying + source, options);

describe('a copy of what lies in shared memory', () => {
  it('serves reads of plain and of JSON values, each reader its own object', async () => {
    const { before } = await reading(`
      export async function primary() {
        const cache = new LRUCacheClustered({ namespace: 'plain' });
        const values = ['text', 'ünï', '\\ud800', '', 1.5, -0, NaN, true, false, { a: [1, { b: null }] }];
        for (const [key, value] of values.entries()) await cache.set(key, value);
        for (let round = 0; round < 4; round++) for (const key of values.keys()) await cache.get(key);
        const from = copied;
        const same = values.every((value, key) => isDeepStrictEqual(cache.sync.get(key), value));
        cache.sync.get(9).a.push('mine');
        return [same, copied - from, cache.sync.get(9)];
      }
      const { isDeepStrictEqual } = require('node:util');
      export const worker = () => null;`);
    expect(before).toEqual([true, 11, { a: [1, { b: null }] }]);
  });

  it('is given out no more once the value was changed in whatever way, by whatever process', async () => {
    const { answers } = await reading(
      `
      const cache = new LRUCacheClustered({ namespace: 'changed', max: 50 });
      const turn = new LRUCacheClustered({ namespace: 'turns' });
      const changes = [
        () => cache.set('key', 'set'),
        () => cache.incr('number', 5),
        () => cache.delete('key'),
        () => cache.setIfAbsent('key', 'again'),
        () => cache.mSet([['key', 'many'], ['other', 'values']]),
        () => cache.fetch('key', () => 'fetched', { forceRefresh: true }),
        () => cache.load([['key', { value: 'loaded' }]]),
        () => cache.clear(),
        () => cache.set('key', 'short-lived', { ttl: 1 }).then(() => new Promise((done) => setTimeout(done, 20))),
        async () => { for (let at = 0; at < 60; at++) await cache.set('filler ' + at, at); },
        () => cache.set('key', 'last'),
        () => cache.max(1),
        async () => { await cache.max(50); await cache.set('key', 'before the end'); },
        () => cache.destroy(),
        () => cache.set('key', 'made anew'),
      ];
      export async function worker(index) {
        const seen = [];
        for (const [step, change] of changes.entries()) {
          if (index === 0) {
            while (await turn.get('read') !== step - 1 && step > 0) await new Promise(setImmediate);
            await change();
            await turn.set('changed', step);
          } else {
            while (await turn.get('changed') !== step) await new Promise(setImmediate);
            const from = copied;
            const values = [await cache.get('key'), await cache.get('number')];
            for (let again = 0; again < 5; again++) { await cache.get('key'); await cache.get('number'); }
            seen.push([...values, await cache.get('key') === values[0], copied > from]);
            await turn.set('read', step);
          }
        }
        return seen;
      }`,
      { workers: 2 },
    );
    expect(answers[1].map(([key, number, same]) => [key ?? null, number ?? null, same])).toEqual([
      ['set', null, true],
      ['set', 5, true],
      [null, 5, true],
      ['again', 5, true],
      ['many', 5, true],
      ['fetched', 5, true],
      ['loaded', null, true],
      [null, null, true],
      [null, null, true],
      [null, null, true],
      ['last', null, true],
      ['last', null, true],
      ['before the end', null, true],
      [null, null, true],
      ['made anew', null, true],
    ]);
    expect(answers[1].filter(([, , , copies]) => copies).length).toBeGreaterThanOrEqual(9);
  });

  it('of an entry with tags, or with a time of grace, ends at once where another process invalidates a tag', async () => {
    const { answers } = await reading(
      `
      const cache = new LRUCacheClustered({ namespace: 'tagged' });
      const turn = new LRUCacheClustered({ namespace: 'turns' });
      const keys = ['tagged', 'graced', 'plain'];
      const until = async (at) => { while ((await turn.sync.get('at')) !== at) await new Promise(setImmediate); };
      const readAll = async () => {
        for (const key of keys) for (let round = 0; round < 3; round++) await cache.get(key);
        const from = copied;
        const values = [];
        for (const key of keys) values.push(await cache.get(key));
        return [values, copied - from];
      };
      export async function worker(nth) {
        await cache.ready;
        if (nth === 0) {
          await cache.set('tagged', 1, { tags: ['a', 'b'] });
          await cache.fetch('graced', () => 2, { ttl: 60000, staleWhileRevalidate: 60000 });
          await cache.set('plain', 3);
          const before = await readAll();
          turn.sync.set('at', 1);
          await until(2);
          // Nothing but one look at each: what another process has ended is seen by the next read.
          const first = copied;
          const after = [await cache.get('tagged'), await cache.get('graced'), await cache.get('plain')];
          const seen = copied - first;
          turn.sync.set('at', 3);
          await until(4);
          return [before, [after, seen], await readAll()];
        }
        await until(1);
        await cache.invalidateTags(['b']);
        turn.sync.set('at', 2);
        await until(3);
        await cache.set('tagged', 4, { tags: ['c'] });
        turn.sync.set('at', 4);
        return null;
      }`,
      { workers: 2 },
    );
    expect(answers[0]).toEqual([
      [[1, 2, 3], 3],
      [[null, 2, 3], 2],
      [[4, 2, 3], 3],
    ]);
  });

  it('is never older than a write that another process had ended, in a loop that does nothing but read', async () => {
    const { answers, after } = await reading(
      `
      const { sync } = new LRUCacheClustered({ namespace: 'hot' });
      const { sync: known } = new LRUCacheClustered({ namespace: 'known' });
      const ROUNDS = 20_000;
      export async function worker(index) {
        sync.setIfAbsent('key', 0);
        if (index === 0) {
          while (known.get('reads') === undefined);
          for (let value = 1; value <= ROUNDS; value++) {
            sync.set('key', value);
            if (value % 16 === 0) known.set('written', value);
          }
          return 'written';
        }
        known.set('reads', true);
        let stale = 0;
        let last = 0;
        while (last < ROUNDS) {
          const least = known.peek('written') ?? 0;
          const value = sync.get('key');
          if (value < least || value < last) stale += 1;
          last = value;
        }
        // Nothing but reading: the loop ends only if each read looks at the memory.
        known.set('bare', process.pid);
        let reads = 0;
        while (sync.get('key') !== 'over') reads += 1;
        return [stale, copied > 0, reads > 0];
      }
      export const primary = () => {
        const timer = setInterval(() => {
          if (known.get('bare') !== undefined) { clearInterval(timer); setTimeout(() => sync.set('key', 'over'), 300); }
        }, 20);
      };
      export const afterwards = () => addon.segmentValidate() ?? 'sound';`,
      { workers: 2 },
    );
    expect(answers).toEqual(['written', [0, true, true]]);
    expect(after).toBe('sound');
  });

  it('expires when the entry does, and lives on when its age begins anew', async () => {
    const { before } = await reading(`
      export async function primary() {
        const { sync } = new LRUCacheClustered({ namespace: 'ages', max: 10, ttl: 100 });
        keeping.setClock(1000);
        sync.set('key', 'value');
        sync.set('for ever', 'value', { ttl: 0 });
        const read = () => { sync.get('key'); sync.get('for ever'); const from = copied; return [sync.get('key'), sync.get('for ever'), copied - from]; };
        read();
        const seen = [read()];
        keeping.setClock(1099);
        seen.push(read());
        keeping.setClock(1101);
        sync.get('key', { allowStale: true, noDeleteOnStaleGet: true });
        seen.push(read());
        sync.set('key', 'second');
        keeping.setClock(1190);
        seen.push(read());
        sync.get('key', { updateAgeOnGet: true });
        keeping.setClock(1280);
        seen.push(read());
        keeping.setClock(1295);
        seen.push(read());
        sync.set('key', 'touched');
        read();
        sync.touch('key', { ttl: 10 });
        keeping.setClock(1300);
        read();
        seen.push(read());
        keeping.setClock(1306);
        seen.push(read());
        keeping.setClock();
        return seen;
      }
      export const worker = () => null;`);
    expect(before).toEqual([
      ['value', 'value', 2],
      ['value', 'value', 2],
      [null, 'value', 1],
      ['second', 'value', 2],
      ['second', 'value', 2],
      [null, 'value', 1],
      ['touched', 'value', 2],
      [null, 'value', 1],
    ]);
  });

  it('serves fetch and memoize, and counts as a hit', async () => {
    const { before } = await reading(`
      import { memoize } from '${new URL('../../index.mjs', import.meta.url)}';
      export async function primary() {
        const cache = new LRUCacheClustered({ namespace: 'fetched' });
        let runs = 0;
        const twice = memoize(cache, (x) => { runs += 1; return x * 2; }, (x) => 'twice ' + x);
        for (let round = 0; round < 10; round++) { await twice(21); await cache.fetch('text', () => 'fetched'); }
        const from = copied;
        const got = [await twice(21), await cache.fetch('text', () => 'not this')];
        const refreshed = await cache.fetch('text', () => 'refreshed', { forceRefresh: true });
        const { hits, misses } = await cache.stats();
        return [got, copied - from, refreshed, await cache.fetch('text', () => 'nor this'), runs, hits, misses];
      }
      export const worker = () => null;`);
    expect(before).toEqual([[42, 'fetched'], 2, 'refreshed', 'refreshed', 1, 20, 2]);
  });
});

describe('recency in shared memory', () => {
  it('is what lru-cache would make of the reads of two processes in turns', async () => {
    const { answers, after } = await reading(
      `
      import { seededGenerator } from '${new URL('../../bench/harness/turns.mjs', import.meta.url)}';
      const { sync } = new LRUCacheClustered({ namespace: 'order', max: 40 });
      const { sync: turn } = new LRUCacheClustered({ namespace: 'turn' });
      const STEPS = 1500;
      const random = seededGenerator(11);
      const plan = Array.from({ length: STEPS }, () => [Math.floor(random() * 2), random() < 0.06, Math.floor(random() ** 2 * 60)]);
      export async function worker(index) {
        for (let step = 0; step < STEPS; step++) {
          const [who, writes, key] = plan[step];
          if (who !== index) continue;
          for (let looks = 1; (turn.peek('step') ?? 0) !== step; looks++) if (looks % 200 === 0) await new Promise(setImmediate);
          if (writes || sync.get(key) === undefined) sync.set(key, step);
          turn.set('step', step + 1);
        }
        return copied;
      }
      export const afterwards = () => [plan, [...sync.entries()], addon.segmentValidate() ?? 'sound'];`,
      { workers: 2 },
    );
    const [plan, entries, validity] = after;
    const model = new LRUCache({ max: 40 });
    for (const [step, [, writes, key]] of plan.entries()) {
      if (writes || model.get(key) === undefined) model.set(key, step);
    }
    expect(entries).toEqual([...model.entries()]);
    expect(validity).toBe('sound');
    for (const copied of answers) expect(copied).toBeGreaterThan(100);
  });

  it('decides what goes when a third process needs room', async () => {
    const { answers } = await reading(
      `
      const { sync } = new LRUCacheClustered({ namespace: 'room', max: 10 });
      const { sync: turn } = new LRUCacheClustered({ namespace: 'turn' });
      const after = async (step) => { while ((turn.peek('step') ?? 0) < step) await new Promise(setImmediate); };
      export async function worker(index) {
        await after(index);
        if (index === 0) {
          for (let key = 0; key < 10; key++) sync.set(key, key);
          for (let round = 0; round < 3; round++) { sync.get(1); sync.get(0); }
        } else if (index === 1) {
          for (let round = 0; round < 3; round++) { sync.get(4); sync.get(3); }
        } else {
          for (let key = 10; key < 16; key++) sync.set(key, key);
        }
        turn.set('step', index + 1);
        await after(3);
        return [...sync.keys()];
      }`,
      { workers: 3 },
    );
    expect(answers).toEqual(Array(3).fill([15, 14, 13, 12, 11, 10, 3, 4, 0, 1]));
  });
});

describe('copies of what lies in shared memory', () => {
  it('are few and small, and rest where they do not pay', async () => {
    const { before } = await reading(`
      export async function primary() {
        const { sync } = new LRUCacheClustered({ namespace: 'many', max: 100_000 });
        const kept = () => {
          let most;
          const { offer } = Copies.prototype;
          Copies.prototype.offer = function (...args) { offer.apply(this, args); most = this; };
          sync.set('probe', 1); sync.get('probe'); sync.get('probe');
          Copies.prototype.offer = offer;
          return most;
        };
        for (let key = 0; key < 20_000; key++) sync.set(key, 'x'.repeat(400));
        sync.set('long', 'x'.repeat(2000));
        sync.set('k'.repeat(2000), 'long key');
        sync.set('big', 2n ** 70n);
        sync.set('buffer', Buffer.alloc(8));
        let most = [0, 0];
        for (let key = 0; key < 6000; key++) {
          sync.get(key);
          if (key % 100 === 0) { const { copies, characters } = kept(); most = [Math.max(most[0], copies.size), Math.max(most[1], characters)]; }
        }
        const odd = ['long', 'k'.repeat(2000), 'big', 'buffer'];
        for (const key of odd) { sync.get(key); sync.get(key); }
        const instance = kept();
        const withOdd = odd.filter((key) => instance.copies.has(key)).length;
        for (let key = 0; key < 20_000; key++) sync.get(key);
        return [most[0] <= 4096, most[1] <= (1 << 19) + 2048, most[0] > 500, withOdd, instance.isResting, instance.copies.size];
      }
      export const worker = () => null;`);
    expect(before).toEqual([true, true, true, 0, true, 0]);
  });

  it('are the main thread’s; a thread of its own reads without them, and right', async () => {
    const { before } = await reading(`
      import { Worker } from 'node:worker_threads';
      import { once } from 'node:events';
      export async function primary() {
        const { sync } = new LRUCacheClustered({ namespace: 'threads' });
        const library = ${JSON.stringify(new URL('../../index.js', import.meta.url).pathname)};
        const source = \`
          const { parentPort } = require('node:worker_threads');
          const { LRUCacheClustered } = require(\${JSON.stringify(library)});
          const { sync } = new LRUCacheClustered({ namespace: 'threads' });
          for (let value = 0; value < 2000; value++) { sync.set('key', value); if (sync.get('key') !== value) parentPort.postMessage('stale'); }
          for (let read = 0; read < 2000; read++) sync.get('key');
          sync.set('key', 'from a thread');
          parentPort.postMessage('done');
          setInterval(() => sync.get('key'), 1);\`;
        sync.set('key', 'mine');
        for (let read = 0; read < 10; read++) sync.get('key');
        const thread = new Worker(source, { eval: true });
        const [said] = await once(thread, 'message');
        const read = sync.get('key');
        await thread.terminate();
        sync.set('key', 'mine again');
        for (let again = 0; again < 10; again++) sync.get('key');
        const from = copied;
        return [said, read, sync.get('key'), copied - from, addon.segmentValidate() ?? 'sound'];
      }
      export const worker = () => null;`);
    expect(before).toEqual(['done', 'from a thread', 'mine again', 1, 'sound']);
  });

  it('begin anew when a namespace was destroyed, also under the same name with other options', async () => {
    const { before } = await reading(`
      export async function primary() {
        const seen = [];
        for (let round = 0; round < 100; round++) {
          const cache = new LRUCacheClustered({ namespace: 'phoenix', max: 10 + round % 3 });
          await cache.set('key', round);
          for (let read = 0; read < 4; read++) seen.push(await cache.get('key') === round);
          const { hits } = await cache.stats();
          seen.push(hits === 4);
          await cache.destroy();
        }
        return [seen.every(Boolean), copied, addon.segmentValidate() ?? 'sound'];
      }
      export const worker = () => null;`);
    expect(before).toEqual([true, 200, 'sound']);
  });

  it('of workers that were killed leave nothing that keeps others from theirs', async () => {
    const { after } = await reading(
      `
      import { once } from 'node:events';
      const { sync } = new LRUCacheClustered({ namespace: 'mortal', max: 10 });
      export function worker() {
        sync.setIfAbsent('a', 1);
        sync.setIfAbsent('b', 2);
        for (let read = 0; read < 50; read++) { sync.get('a'); sync.get('b'); }
        process.kill(process.pid, 'SIGKILL');
      }
      export async function afterwards() {
        for (let generation = 0; generation < 3; generation++) {
          const started = Array.from({ length: 3 }, () => cluster.fork({ ROLE_INDEX: '0' }));
          await Promise.all(started.map((one) => once(one, 'exit')));
        }
        let mine;
        const { touch } = Copies.prototype;
        Copies.prototype.touch = function (copy) { mine = this; return touch.call(this, copy); };
        for (let read = 0; read < 4; read++) { sync.get('a'); sync.get('b'); }
        const from = copied;
        sync.get('a');
        sync.get('b');
        return [copied - from, new Int32Array(keeping.sharedMemory())[mine.usedAt], [...sync.keys()], addon.segmentValidate() ?? 'sound'];
      }`,
      { workers: 2 },
    );
    // The lock’s holder and the primary are all the readers that are left.
    expect(after).toEqual([2, 2, ['b', 'a'], 'sound']);
  });
});
