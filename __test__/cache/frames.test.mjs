// The door of the primary: whatever a worker sends in the name of the cache is looked at, and nothing of it can break
// the primary, its memory, or another's cache.

import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { inCluster, startProgram } from '../fixtures/cache.mjs';

const { KIND } = createRequire(import.meta.url)('../../lib/cache/frames.js');
const ipc = { FLOTILLA_TRANSPORT: 'ipc' };
const program = new URL('../fixtures/cache-frames.mjs', import.meta.url).href;

describe('frames of a worker', () => {
  it.each(['json', 'advanced'])(
    'that are malformed are refused and told of once, %s',
    async (SERIALIZATION) => {
      const { answers, after } = await inCluster(`export * from ${JSON.stringify(program)};`, {
        workers: 1,
        env: { ...ipc, SERIALIZATION },
      });
      const entries = [
        ['b', { deep: [1] }],
        ['a', 1],
      ];
      expect(answers).toEqual([[entries, 'brought']]);
      expect(after).toEqual({ polluted: false, sound: 'sound', left: 'free', entries: 3, warnings: 1 });
    },
  );

  it('say what is known of options, and nothing else', async () => {
    const { answers } = await inCluster(
      `
      export async function worker() {
        const sent = [];
        const { send } = process;
        process.send = (message, ...rest) => { if (message?.flotilla === '${KIND}') sent.push(message); return send.call(process, message, ...rest); };
        const more = { [Symbol('secret')]: 'x'.repeat(1000), dispose: undefined };
        const beside = { secret: 'x'.repeat(1000) };
        const cache = new LRUCacheClustered({ namespace: 'said', ttl: 60_000, updateAgeOnGet: true, allowStale: false, timeout: 60_000 });
        await cache.set('a', 1, { ttl: 5000, ...more });
        await cache.set('a', 1, more);
        await cache.mSet([['a', 1, more], ['b', 2, { ttl: 9000, ...more }]], { ttl: 5000, ...more });
        await cache.incr('n', 2, { ttl: 5000, ...more });
        await cache.touch('a', { ttl: 5000, ...more });
        await cache.load([['a', { value: 1, ttl: 5000, ...beside }]]);
        await cache.fetch('a', () => 1, { ttl: 5000 });
        await cache.get('a', more);
        process.send = send;
        return [new Set(sent.map(({ options }) => JSON.stringify(options))).size, sent[0].options, sent.slice(1).map(({ op, list }) => [op, ...list])];
      }`,
      { workers: 1, env: ipc },
    );
    const ttl = { ttl: 5000 };
    // The defaults of the instance.
    const loading = { staleWhileRevalidate: 0, staleIfError: 0, refreshAhead: 0, jitter: 0 };
    const ops = [
      ['set', 'a', 1, ttl],
      ['set', 'a', 1],
      [
        'mSet',
        [
          ['a', 1, ttl],
          ['b', 2, { ttl: 9000 }],
        ],
      ],
      ['incr', 'n', 2, ttl],
      ['touch', 'a', ttl],
      ['load', [['a', { value: 1, ttl: 5000 }]]],
      ['fetch', 'a', { lease: 30_000, ttl: 5000, forceRefresh: false, ...loading }],
      ['get', 'a'],
    ];
    expect(answers).toEqual([
      [1, { namespace: 'said', ttl: 60_000, allowStale: false, updateAgeOnGet: true }, ops],
    ]);
  });
});

describe('what the primary keeps for a worker', () => {
  it('goes when its last handle does, and when the worker leaves', async () => {
    const { ended } = startProgram(
      `
      import { setFlagsFromString } from 'node:v8';
      import { runInNewContext } from 'node:vm';
      setFlagsFromString('--expose-gc');
      const collect = runInNewContext('gc');
      const turn = () => new Promise(setImmediate);
      const kept = [];
      async function use(namespace) { await new LRUCacheClustered({ namespace, timeout: 60_000 }).set('a', 1); }
      export async function main() {
        if (cluster.isWorker) {
          await use('dropped');
          const held = new LRUCacheClustered({ namespace: 'held', timeout: 60_000 });
          await use('held');
          process.on('message', (message) => message === 'go' && process.disconnect());
          for (let round = 0; round < 200; round++) { collect(); await turn(); }
          await held.get('a');
          return process.send('done');
        }
        const worker = cluster.fork();
        worker.on('message', (message) => message === 'done' && worker.send('go'));
        await new Promise((done) => worker.once('exit', done));
      }`,
      { ...ipc, DEBUG: 'lru-cache-clustered-*' },
    );
    const { stderr } = await ended;
    expect(stderr).toMatch(/of worker 1 close "dropped"/);
    expect(stderr).not.toMatch(/of worker 1 close "held"/);
    expect(stderr).toMatch(/worker 1 has left 1 caches and 0 fetches/);
  });
});

describe('a channel that is full', () => {
  it('is waited for, and requests that nobody waits for any more are not sent late', async () => {
    const { ended } = startProgram(
      `
      export async function main() {
        if (cluster.isPrimary) {
          const worker = cluster.fork();
          let seen = 0;
          cluster.on('message', (_, message) => { if (message?.op === 'set') seen++; });
          worker.on('message', (message) => {
            if (message === 'block') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500);
            if (message?.results) { console.log(JSON.stringify({ ...message.results, seen })); worker.kill(); }
          });
          return;
        }
        const hasty = new LRUCacheClustered({ namespace: 'n', timeout: 300 });
        const patient = new LRUCacheClustered({ namespace: 'n', timeout: 60_000 });
        await patient.get('a');
        await new Promise((done) => process.send('block', done));
        const value = 'x'.repeat(100_000);
        const early = await Promise.all(Array.from({ length: 200 }, (_, index) => hasty.set('hasty ' + index, value)));
        const late = await Promise.all(Array.from({ length: 50 }, (_, index) => patient.set('patient ' + index, value)));
        const found = await Promise.all(Array.from({ length: 50 }, (_, index) => patient.has('patient ' + index)));
        process.send({ results: { undone: early.filter((each) => each === undefined).length, late: late.every(Boolean), found: found.every(Boolean) } });
      }`,
      ipc,
    );
    const { undone, late, found, seen } = JSON.parse((await ended).stdout);
    expect([undone, late, found]).toEqual([200, true, true]);
    expect(seen).toBeLessThan(100);
  });
});
