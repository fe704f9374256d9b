// The IPC transport: what is its own, beside the documented surface.

import { describe, expect, it } from 'vitest';
import { inCluster, startProgram } from '../fixtures/cache.mjs';

const ipc = { FLOTILLA_TRANSPORT: 'ipc' };

describe('the IPC transport', () => {
  it('keeps types of values, names cannot-be-stored ones, and has no synchronous view', async () => {
    const { answers } = await inCluster(
      `
      export async function worker() {
        const cache = new LRUCacheClustered({ namespace: 'types', timeout: 60_000 });
        await cache.mSet([['b', Buffer.from('hi')], ['m', new Map([[1n, new Date(5)]])], [1, -0]]);
        const [b, m, zero] = [await cache.get('b'), await cache.get('m'), await cache.get(1)];
        let sync; try { cache.sync.get('b'); } catch ({ code }) { sync = code; }
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

  it('ends a request as failsafe says when the primary is too slow, and healthCheck always rejects', async () => {
    const { ended } = startProgram(
      `
      export async function main() {
        if (cluster.isPrimary) {
          const worker = cluster.fork();
          worker.on('message', (message) => {
            if (message === 'block') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3000);
            if (message.results) { console.log(JSON.stringify(message.results)); worker.kill(); }
          });
          return;
        }
        const cache = new LRUCacheClustered({ namespace: 'slow' });
        const strict = new LRUCacheClustered({ namespace: 'slow', failsafe: 'reject' });
        await new Promise((done) => process.send('block', done));
        const said = (promise) => promise.then(String, ({ message }) => message);
        process.send({ results: await Promise.all([cache.get('a'), strict.get('a'), cache.healthCheck()].map(said)) });
      }`,
      ipc,
    );
    expect(JSON.parse((await ended).stdout)).toEqual(['undefined', 'IPC timeout', 'IPC timeout']);
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
        return Promise.all([cache.get('a'), cache.healthCheck()].map((use) => use.catch(({ code }) => code)));
      }`,
      { workers: 1, env: ipc },
    );
    expect(answers).toEqual([Array(2).fill('FLOTILLA_ERR_CONFLICTING_OPTIONS')]);
  });

  it('obeys no malformed frame, and goes on', async () => {
    const { answers } = await inCluster(
      `
      export async function worker() {
        const frames = [{}, { id: 1 }, { id: 'x', op: 'get' }, { id: 2, op: 'constructor', options: {} }, { id: 3, op: 'get', options: [] },
          { id: 4, op: '__proto__', options: {}, list: [] }, { id: 5, op: 'get', options: { namespace: 7 }, list: ['a'] },
          { id: 6, op: 'get', options: {}, bytes: '!!!!' }, { id: 7, op: 'set', options: {}, list: 'a' }, { id: 8, op: 'ran', list: [1] },
          { id: 9, op: 'mGet', options: {}, list: [5] }, { id: 10, op: 'load', options: {}, list: [null] }];
        for (const frame of frames) process.send({ flotilla: 'cache', ...frame });
        const cache = new LRUCacheClustered({ namespace: 'sound', timeout: 60_000 });
        await cache.set('a', 1);
        return [await cache.get('a'), await cache.size()];
      }`,
      { workers: 1, env: ipc },
    );
    expect(answers).toEqual([[1, 1]]);
  });
});
