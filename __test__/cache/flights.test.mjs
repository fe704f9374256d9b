// Single flight: one fetcher for all who ask, in whatever process, on either transport, whatever becomes of the one
// who leads.

import { describe, expect, it } from 'vitest';
import { inCluster, startProgram } from '../fixtures/cache.mjs';
import { environmentOf, ofMemory, ways } from '../fixtures/tier.mjs';

describe.each(ways)('single flight, %s', (way) => {
  const env = environmentOf(way);

  it('runs one fetcher for many callers in several workers', async () => {
    const { answers, after } = await inCluster(
      `
      const cache = new LRUCacheClustered({ namespace: 'flights', timeout: 60_000 });
      const runs = new LRUCacheClustered({ namespace: 'runs', timeout: 60_000 });
      export async function worker() {
        await runs.incr('ready');
        while (await runs.get('ready') < 3) await new Promise(setImmediate);
        const bring = async () => { await runs.incr('runs'); await new Promise((done) => setTimeout(done, 100)); return { by: process.pid }; };
        const got = await Promise.all(Array.from({ length: 20 }, () => cache.fetch('key', bring)));
        return [new Set(got.map(({ by }) => by)).size, got[0].by];
      }
      export const afterwards = async () => [await runs.get('runs'), await cache.get('key')];`,
      { workers: 3, env },
    );
    const [runs, value] = after;
    expect(runs).toBe(1);
    expect(answers).toEqual(Array(3).fill([1, value.by]));
  });

  it('gives the leader’s error to all, with its name, code, cause and stack, and frees the key', async () => {
    const { answers } = await inCluster(
      `
      const cache = new LRUCacheClustered({ namespace: 'failing', timeout: 60_000 });
      export async function worker(index) {
        await cache.incr('ready');
        while (await cache.get('ready') < 2) await new Promise(setImmediate);
        const bring = async () => {
          await new Promise((done) => setTimeout(done, 100));
          throw Object.assign(new RangeError('no luck', { cause: new TypeError('deeper') }), { code: 'E_LUCK' });
        };
        const error = await cache.fetch('key', bring).catch((thrown) => thrown);
        const next = await cache.fetch('key', () => 'second');
        return [error.name, error.message, error.code, error.cause.name, error.cause.message, error.stack.includes('bring'), next];
      }`,
      { env },
    );
    expect(answers).toEqual(
      Array(2).fill(['RangeError', 'no luck', 'E_LUCK', 'TypeError', 'deeper', true, 'second']),
    );
  });

  it('keeps an error as it is for the caller that leads, and makes one of what is none', async () => {
    const { before, answers } = await inCluster(
      `
      const cache = new LRUCacheClustered({ namespace: 'own ' + process.pid, timeout: 60_000 });
      class Own extends Error {}
      const thrown = async (value) => cache.fetch('key', () => { throw value; }).catch((error) => error);
      export async function primary() {
        const own = new Own('mine');
        const text = await thrown('just text');
        const odd = await thrown(Object.create(null));
        return [await thrown(own) === own, text instanceof Error && text.message, odd instanceof Error];
      }
      export const worker = primary;`,
      { workers: 1, env },
    );
    expect([before, ...answers]).toEqual(Array(2).fill([true, 'just text', true]));
  });

  it('ends when what was thrown throws in turn when it is looked at, and frees the key', async () => {
    const { before, answers } = await inCluster(
      `
      const cache = new LRUCacheClustered({ namespace: 'unreadable ' + process.pid, timeout: 60_000 });
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      const unreadable = Object.defineProperty(new Error('x'), 'cause', { get() { throw new RangeError('no'); } });
      export async function primary() {
        const ends = [];
        for (const thrown of [proxy, unreadable, { toString() { throw 1; } }]) {
          const error = await cache.fetch('key', () => { throw thrown; }).catch((reason) => reason);
          ends.push(error instanceof Error, await cache.fetch('key', () => 'free'));
          await cache.delete('key');
        }
        return ends;
      }
      export const worker = primary;`,
      { workers: 1, env },
    );
    expect([before, ...answers]).toEqual(Array(2).fill([true, 'free', true, 'free', true, 'free']));
  });

  it('lets forceRefresh lead at once, and its value wins over the slower one', async () => {
    const { before, answers } = await inCluster(
      `
      const cache = new LRUCacheClustered({ namespace: 'forced ' + process.pid, timeout: 60_000 });
      export async function primary() {
        let slow;
        const finish = await new Promise((begun) => {
          slow = cache.fetch('key', () => new Promise((resolve) => begun(() => resolve('old'))));
        });
        const forced = await cache.fetch('key', () => 'new', { forceRefresh: true });
        finish();
        return [await slow, forced, await cache.get('key')];
      }
      export const worker = primary;`,
      { workers: 1, env },
    );
    expect([before, ...answers]).toEqual(Array(2).fill(['old', 'new', 'new']));
  });

  ofMemory(way)('lets who asks without forceRefresh wait for the flight that it has begun', async () => {
    const { before, answers } = await inCluster(
      `
      const cache = new LRUCacheClustered({ namespace: 'refreshed ' + process.pid, timeout: 60_000 });
      export async function primary() {
        let finish;
        const begun = new Promise((resolve) => {
          const bring = () => new Promise((done) => { finish = () => done('refreshed'); resolve(); });
          cache.fetch('key', bring, { forceRefresh: true }).catch(() => {});
        });
        await begun;
        let runs = 0;
        const others = [1, 2, 3].map(() => cache.fetch('key', () => { runs += 1; return 'other'; }));
        // All of them have asked before it ends: they did so before this is answered.
        await cache.has('key');
        finish();
        return [await Promise.all(others), runs, await cache.get('key')];
      }
      export const worker = primary;`,
      { workers: 1, env },
    );
    expect([before, ...answers]).toEqual(Array(2).fill([Array(3).fill('refreshed'), 0, 'refreshed']));
  });

  ofMemory(way)('lets another lead when a lease runs out, and does not store the late result', async () => {
    const { before, answers } = await inCluster(
      `
      const cache = new LRUCacheClustered({ namespace: 'hung ' + process.pid, timeout: 60_000 });
      export async function primary() {
        let finish;
        const hung = cache.fetch('key', () => new Promise((resolve) => { finish = () => resolve('late'); }), { lease: 50 });
        const taken = await cache.fetch('key', () => 'in time');
        finish();
        return [taken, await hung, await cache.get('key')];
      }
      export const worker = primary;`,
      { workers: 1, env },
    );
    expect([before, ...answers]).toEqual(Array(2).fill(['in time', 'late', 'in time']));
  });

  ofMemory(way)('wakes the followers at once when the leader is killed, and one of them leads', async () => {
    const { prints } = startProgram(
      `
      const cache = new LRUCacheClustered({ namespace: 'killed', timeout: 60_000 });
      export async function main() {
        if (cluster.isWorker) {
          if (process.env.LEADS) return cache.fetch('key', () => { process.send('leading'); return new Promise(() => {}); });
          const got = cache.fetch('key', () => { process.send({ led: Date.now() }); return process.pid; });
          process.send('following');
          return process.send({ got: await got, pid: process.pid });
        }
        const leader = cluster.fork({ LEADS: '1' });
        await new Promise((done) => leader.once('message', done));
        const followers = [cluster.fork(), cluster.fork()];
        const results = [];
        let killed, led;
        await Promise.all(followers.map((worker) => new Promise((done) => worker.on('message', (message) => {
          if (message.led) led = message.led;
          if (message.got) { results.push(message.got); done(); }
          if (message === 'following' && ++followers.ready === 2) {
            // Both have claimed: they did so before they said that they follow.
            killed = Date.now();
            leader.process.kill('SIGKILL');
          }
        }))), followers.ready = 0);
        console.log(JSON.stringify({ same: results[0] === results[1], one: followers.some((worker) => worker.process.pid === results[0]), wait: led - killed }));
        for (const worker of followers) worker.kill();
      }`,
      env,
    );
    const [line] = await prints(/\{.*\}/);
    const { same, one, wait } = JSON.parse(line);
    expect({ same, one }).toEqual({ same: true, one: true });
    // The bar is 50 ms on a quiet machine; a polling or a 30 s lease would be far beyond this.
    expect(wait).toBeLessThan(1000);
  });

  ofMemory(way)('frees what a thread led when it is terminated', async () => {
    const { before } = await inCluster(
      `
      import { Worker } from 'node:worker_threads';
      const cache = new LRUCacheClustered({ namespace: 'thread' });
      export async function primary() {
        const thread = new Worker(\`
          const { LRUCacheClustered } = require(\${JSON.stringify(process.cwd())});
          new LRUCacheClustered({ namespace: 'thread' }).fetch('key', () => { require('node:worker_threads').parentPort.postMessage('leading'); return new Promise(() => {}); });
        \`, { eval: true, execArgv: [] });
        await new Promise((done) => thread.once('message', done));
        const followed = cache.fetch('key', () => 'mine');
        await thread.terminate();
        return followed;
      }
      export const worker = () => null;`,
      { env },
    );
    expect(before).toBe('mine');
  });

  ofMemory(way)('keeps a process alive while it follows, and no longer', async () => {
    const { ended } = startProgram(
      `
      const cache = new LRUCacheClustered({ namespace: 'alive' });
      export async function main() {
        const lost = cache.fetch('key', () => new Promise(() => {}), { lease: 300 });
        lost.catch(() => {});
        console.log('got ' + await cache.fetch('key', () => 'it'));
      }`,
      env,
    );
    expect(await ended).toMatchObject({ code: 0, stdout: 'got it\n' });
  });
});
