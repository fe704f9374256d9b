// The IPC transport: what is its own, beside the documented surface.

import { createRequire } from 'node:module';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { inCluster, startProgram } from '../fixtures/cache.mjs';
import { emptyFolder } from '../fixtures/folders.mjs';

const { KIND } = createRequire(import.meta.url)('../../lib/cache/frames.js');
const ipc = { FLOTILLA_TRANSPORT: 'ipc' };

describe('the IPC transport', () => {
  it('keeps types of values, names cannot-be-stored ones, and has no synchronous view', async () => {
    const { answers } = await inCluster(
      `
      export async function worker() {
        const cache = new LRUCacheClustered({ namespace: 'types', timeout: 60_000 });
        await cache.mSet([['b', Buffer.from('hi')], ['m', new Map([[1n, new Date(5)]])], [1, -0]]);
        const [b, m, zero] = [await cache.get('b'), await cache.get('m'), await cache.get(1)];
        const uses = { get: ['b'], set: ['b', 1], setIfAbsent: ['b', 1], has: ['b'], peek: ['b'], delete: ['b'], clear: [], keys: [], values: [], entries: [], [Symbol.iterator]: [],
          forEach: [() => {}], purgeStale: [], getRemainingTTL: ['b'], incr: ['n'], decr: ['n'], touch: ['b'], dump: [], load: [[]], info: ['b'] };
        const calls = [() => cache.sync.size, ...Reflect.ownKeys(uses).map((name) => () => cache.sync[name](...uses[name]))];
        const sync = [...new Set(calls.map((call) => { try { return String(call()); } catch ({ code }) { return code; } }))].join();
        const refused = await cache.set('f', { a: () => 1 }).catch(({ code }) => code);
        return [Buffer.isBuffer(b) && String(b), m.get(1n).getTime(), Object.is(zero, -0), sync, refused, (await cache.usage()).transport];
      }`,
      { workers: 1, env: ipc },
    );
    expect(answers).toEqual([
      ['hi', 5, true, 'FLOTILLA_ERR_SYNC_UNAVAILABLE', 'FLOTILLA_ERR_VALUE_NOT_CLONEABLE', 'ipc'],
    ]);
  });

  it('may be taken by one worker while another is on shared memory, and each says which way is its own', async () => {
    const { ended } = startProgram(`
      export async function main() {
        const cache = new LRUCacheClustered({ namespace: 'both ways', timeout: 60_000 });
        if (cluster.isWorker) {
          await cache.incr('workers');
          return process.send((await cache.usage()).transport, () => process.disconnect());
        }
        const heard = [{}, { FLOTILLA_TRANSPORT: 'ipc' }].map((env) =>
          new Promise((resolve) => cluster.fork(env).once('message', function listen(message) {
            if (typeof message === 'string') resolve(message);
            else this.once('message', listen);
          })));
        console.log(JSON.stringify([await Promise.all(heard), await cache.get('workers'), (await cache.usage()).transport]));
      }`);
    expect(JSON.parse((await ended).stdout)).toEqual([['shared', 'ipc'], 2, 'shared']);
  });

  it('ends every request as failsafe says when the primary is too slow, and healthCheck and getInstance always reject', async () => {
    const { ended } = startProgram(
      `
      import { existsSync, writeFileSync } from 'node:fs';
      export async function main() {
        if (cluster.isPrimary) {
          const worker = cluster.fork();
          worker.on('message', (message) => {
            while (message === 'block' && !existsSync(process.env.DONE)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
            if (message.results) { console.log(JSON.stringify(message.results)); worker.kill(); }
          });
          return;
        }
        const plain = new LRUCacheClustered({ namespace: 'slow' });
        const strict = new LRUCacheClustered({ namespace: 'slow', failsafe: 'reject' });
        const patient = new LRUCacheClustered({ namespace: 'slow', timeout: 500 });
        await new Promise((done) => process.send('block', done));
        const said = (promise) => promise.then(String, ({ name, message }) => name + ': ' + message);
        const calls = { get: ['a'], set: ['a', 1], setIfAbsent: ['a', 1], delete: ['a'], has: ['a'], peek: ['a'], clear: [], mGet: [['a']], mSet: [[['a', 1]]],
          mDelete: [['a']], keys: [], values: [], entries: [], dump: [], load: [[]], size: [], incr: ['n'], decr: ['n'], fetch: ['a', () => 1], touch: ['a'],
          getRemainingTTL: ['a'], purgeStale: [], stats: [], usage: [], destroy: [], max: [5], ttl: [5], allowStale: [true] };
        const all = (cache) => Promise.all(Object.entries(calls).map(([op, list]) => said(cache[op](...list))));
        const since = performance.now();
        const took = async (promise) => { const answer = await promise; return [answer, performance.now() - since]; };
        const gone = async (cache) => { for await (const pair of cache) return pair; };
        const always = [plain.healthCheck(), LRUCacheClustered.getInstance({ namespace: 'slow' })].map(said);
        const results = await Promise.all([took(all(plain)), all(strict), took(said(patient.get('a'))), Promise.all(always), said(gone(plain)), said(gone(strict))]);
        writeFileSync(process.env.DONE, '');
        process.send({ results });
      }`,
      { ...ipc, DONE: path.join(emptyFolder(), 'done') },
    );
    const [[resolved, soon], rejected, [late, later], always, iterated, refused] = JSON.parse(
      (await ended).stdout,
    );
    expect([new Set(resolved), resolved.length]).toEqual([new Set(['undefined']), 28]);
    expect([new Set(rejected), rejected.length]).toEqual([new Set(['Error: IPC timeout']), 28]);
    expect(always).toEqual(Array(2).fill('Error: IPC timeout'));
    expect([late, iterated, refused]).toEqual(['undefined', 'undefined', 'Error: IPC timeout']);
    // 100 ms where nothing else is said; the machine may be late, a timer is not early.
    expect([soon >= 95, soon < later, later >= 495]).toEqual([true, true, true]);
  });

  it('bounds a request, but not the fetcher that runs, nor those who wait for it', async () => {
    const { answers } = await inCluster(
      `
      const cache = new LRUCacheClustered({ namespace: 'long', timeout: 1500, failsafe: 'reject' });
      export async function worker() {
        await cache.healthCheck();
        return cache.fetch('key', () => new Promise((resolve) => setTimeout(resolve, 1700, 'brought')));
      }`,
      { env: ipc },
    );
    expect(answers).toEqual(['brought', 'brought']);
  });

  it('brings an error of the primary as a plain one, with its name, message, code and stack', async () => {
    const { answers } = await inCluster(
      `
      export async function worker() {
        const wire = [];
        process.on('message', ({ flotilla, error }) => flotilla === '${KIND}' && error && wire.push(Object.keys(error)));
        const cache = new LRUCacheClustered({ namespace: 'errors', timeout: 60_000 });
        await cache.set('a', 'text');
        const error = await cache.incr('a').catch((thrown) => thrown);
        const { name, message, code, stack } = error;
        return [Object.getPrototypeOf(error) === Error.prototype, Object.keys(error), name, message, code, /.*/.exec(stack)[0], stack.includes('operations.js'), wire];
      }`,
      { workers: 1, env: ipc },
    );
    const message = 'incr and decr need a number, and the value of this key is none';
    expect(answers).toEqual([
      [
        true,
        ['code'],
        'TypeError',
        message,
        'FLOTILLA_ERR_NOT_A_NUMBER',
        `TypeError: ${message}`,
        true,
        [['name', 'message', 'code', 'stack']],
      ],
    ]);
  });

  it('runs one fetcher for workers and primary, and lets another lead when the leader is killed', async () => {
    const { ended } = startProgram(
      `
      const cache = new LRUCacheClustered({ namespace: 'flight', timeout: 60_000 });
      export async function main() {
        if (cluster.isWorker) return cache.fetch('key', () => { process.send('leading'); return new Promise(() => {}); });
        const leader = cluster.fork();
        leader.on('message', (message) => {
          if (message !== 'leading') return;
          const followed = cache.fetch('key', () => 'mine');
          leader.process.kill('SIGKILL');
          followed.then(console.log);
        });
      }`,
      ipc,
    );
    expect((await ended).stdout).toBe('mine\n');
  });

  it('rejects each use where options conflict', async () => {
    const { answers } = await inCluster(
      `
      export const primary = async () => { await new LRUCacheClustered({ namespace: 'n', max: 5 }).set('a', 1); };
      export async function worker() {
        const cache = new LRUCacheClustered({ namespace: 'n', max: 6, timeout: 60_000 });
        await cache.ready;
        const made = LRUCacheClustered.getInstance({ namespace: 'n', ttl: 5, timeout: 60_000 });
        return Promise.all([cache.get('a'), cache.healthCheck(), made].map((use) => use.catch(({ message }) => message)));
      }`,
      { workers: 1, env: ipc },
    );
    const conflict = "Conflicting options for namespace 'n': max=5 (existing) != ";
    expect(answers).toEqual([
      [
        `${conflict}6 (incoming)`,
        `${conflict}6 (incoming)`,
        "Conflicting options for namespace 'n': ttl=undefined (existing) != 5 (incoming)",
      ],
    ]);
  });

  it('tells all that wait, and all that come later, that the primary is gone', async () => {
    const { prints } = startProgram(
      `
      const said = (promise) => promise.then(String, ({ code }) => code);
      export async function main() {
        // Else Node ends this process as soon as the primary is gone.
        if (cluster.isWorker) process.removeAllListeners('disconnect');
        const cache = new LRUCacheClustered({ namespace: 'gone', timeout: 60_000 });
        if (cluster.isPrimary) {
          cache.fetch('key', () => new Promise(() => {})).catch(() => {});
          return cluster.fork();
        }
        await cache.healthCheck();
        const waiting = [said(cache.fetch('key', () => 'mine')), said(cache.fetch('key', () => 'mine'))];
        await cache.get('a');
        process.kill(process.ppid, 'SIGKILL');
        const ends = await Promise.all(waiting);
        console.log('ends: ' + [...ends, await said(cache.get('a')), await said(cache.healthCheck())]);
        process.exit();
      }`,
      ipc,
    );
    const [, ends] = await prints(/ends: (.*)/);
    expect(ends.split(',')).toEqual(Array(4).fill('FLOTILLA_ERR_IPC_UNAVAILABLE'));
  });

  it('lets no more than 65,536 requests wait', async () => {
    const { answers } = await inCluster(
      `
      const cache = new LRUCacheClustered({ namespace: 'much', timeout: 60_000 });
      export async function worker() {
        await cache.healthCheck();
        // No answer comes as long as this goes on.
        const all = Array.from({ length: 65_536 + 3 }, () => cache.has('a'));
        const ends = all.slice(-4).map((promise) => promise.then(() => 'fine', ({ code }) => code));
        return Promise.all(ends.map((end) => Promise.race([end, new Promise((resolve) => setImmediate(resolve, 'waits'))])));
      }`,
      { workers: 1, env: ipc },
    );
    expect(answers).toEqual([['waits', ...Array(3).fill('FLOTILLA_ERR_IPC_UNAVAILABLE')]]);
  });

  it('is not for threads of a worker, and tells them so', async () => {
    const { answers } = await inCluster(
      `
      import { Worker } from 'node:worker_threads';
      export const worker = () => new Promise((resolve, reject) => new Worker(\`
        const { LRUCacheClustered } = require(\${JSON.stringify(process.cwd())});
        const said = (promise) => promise.then(() => 'no', ({ code, message }) => [code, message]);
        const cache = new LRUCacheClustered({ namespace: 'threads' });
        Promise.all([said(cache.get('a')), said(cache.healthCheck())]).then((ends) => require('node:worker_threads').parentPort.postMessage(ends));
      \`, { eval: true, execArgv: [] }).on('message', resolve).on('error', reject));`,
      { workers: 1, env: ipc },
    );
    const told = [
      'FLOTILLA_ERR_SEGMENT_UNREACHABLE',
      expect.stringContaining('A thread of a worker cannot ask the primary'),
    ];
    expect(answers).toEqual([[told, told]]);
  });

  it('obeys no malformed frame, and goes on', async () => {
    const { answers } = await inCluster(
      `
      export async function worker() {
        const frames = [{}, { id: 1 }, { id: 'x', op: 'get' }, { id: 2, op: 'constructor', options: {} }, { id: 3, op: 'get', options: [] },
          { id: 4, op: '__proto__', options: {}, list: [] }, { id: 5, op: 'get', options: { namespace: 7 }, list: ['a'] },
          { id: 6, op: 'get', options: {}, bytes: '!!!!' }, { id: 7, op: 'set', options: {}, list: 'a' }, { id: 8, op: 'ran', list: [1] },
          { id: 9, op: 'mGet', options: {}, list: [5] }, { id: 10, op: 'load', options: {}, list: [null] }];
        for (const frame of frames) process.send({ flotilla: '${KIND}', ...frame });
        const cache = new LRUCacheClustered({ namespace: 'sound', timeout: 60_000 });
        await cache.set('a', 1);
        return [await cache.get('a'), await cache.size()];
      }`,
      { workers: 1, env: ipc },
    );
    expect(answers).toEqual([[1, 1]]);
  });
});
