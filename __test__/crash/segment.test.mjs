// Which memory a process works on, and that nothing of it outlives the processes that used it.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { inCluster, startProgram } from '../fixtures/cache.mjs';

/** The memory files that processes have open; Linux shows them where they are held. */
function segmentsOf(pid) {
  try {
    return readdirSync(`/proc/${pid}/fd`)
      .map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))
      .filter((target) => target.startsWith('/memfd:'));
  } catch {
    return [];
  }
}

describe('the segment', () => {
  it('is one for the primary, its workers and their threads', async () => {
    const { answers, before } = await inCluster(
      `
      import { Worker } from 'node:worker_threads';
      const thread = (key) => new Promise((resolve, reject) => new Worker(\`
        const { LRUCacheClustered } = require(\${JSON.stringify(process.cwd())});
        const cache = new LRUCacheClustered({ namespace: 'threads' });
        cache.incr('n').then(() => cache.get('\${key}')).then((value) => require('node:worker_threads').parentPort.postMessage(value ?? 'nothing'));
      \`, { eval: true, execArgv: [] }).on('message', resolve).on('error', reject));
      export async function primary() { await new LRUCacheClustered({ namespace: 'threads' }).set('from primary', 1); return thread('from primary'); }
      export async function worker() { return [await thread('from primary'), await new LRUCacheClustered({ namespace: 'threads' }).get('n')]; }`,
      { workers: 1 },
    );
    expect(before).toBe(1);
    expect(answers).toEqual([[1, 2]]);
  });

  it('is found by a thread of a worker whose main thread does not load flotilla', async () => {
    const { ended } = startProgram(
      `
      export async function main() {
await new LRUCacheClustered({ namespace: 'bare' }).set('a', 'seen');
        cluster.setupPrimary({ exec: process.cwd() + '/__test__/fixtures/bare-worker.cjs', execArgv: [] });
        const worker = cluster.fork();
        worker.on('message', (message) => { console.log(message); worker.kill(); });
      }`,
    );
    expect((await ended).stdout).toBe('seen\n');
  });

  it('is another one for a child that merely inherits the environment', async () => {
    const { before } = await inCluster(`
      import { execFileSync } from 'node:child_process';
      export async function primary() {
        await new LRUCacheClustered({ namespace: 'inherited' }).set('a', 1);
        return execFileSync(process.execPath, ['-e', "new (require(process.cwd()).LRUCacheClustered)({ namespace: 'inherited' }).size().then(console.log)"], { encoding: 'utf8' });
      }
      export const worker = () => null;`);
    expect(before.trim()).toBe('0');
  });

  it('answers a worker while the primary’s loop is blocked', async () => {
    const { prints } = startProgram(`
      import { writeSync } from 'node:fs';
      export async function main() {
        const cache = new LRUCacheClustered({ namespace: 'blocked' });
        if (cluster.isWorker) {
          process.on('message', async () => {
            for (let count = 0; count < 1000; count++) await cache.set('k' + count, count);
            await cache.set('done', await cache.get('k999'));
          });
          return process.send('ready');
        }
        const worker = cluster.fork();
        await new Promise((done) => worker.once('message', done));
        worker.send('go');
        await new Promise(setImmediate);
        // Nothing of the primary runs in here but this loop.
        while (cache.sync.peek('done') === undefined) {}
        writeSync(1, 'answered ' + cache.sync.get('done') + '\\n');
        process.exit(0);
      }`);
    expect((await prints(/answered (\d+)/))[1]).toBe('999');
  });

  it.each(['shared', 'ipc'])(
    'tells a worker whose primary has no cache what is missing, %s',
    async (transport) => {
      const { ended } = startProgram(
        `
      export async function main() {
        if (cluster.isPrimary) {
          const worker = cluster.fork(Object.fromEntries(Object.keys(process.env).filter((name) => name.startsWith('FLOTILLA_SEGMENT')).map((name) => [name, ''])));
          worker.on('message', (message) => { console.log(message); worker.kill(); });
          return;
        }
        const cache = new LRUCacheClustered();
        await cache.ready;
        const failed = async (promise) => promise.then(() => 'no', (error) => error.code);
        const results = [await failed(cache.get('a')), await failed(cache.healthCheck()), await failed(LRUCacheClustered.getInstance())];
        process.send([...new Set(results)].join());
      }`,
        { FLOTILLA_TRANSPORT: transport },
      );
      expect((await ended).stdout).toBe('FLOTILLA_ERR_SEGMENT_UNREACHABLE\n');
    },
  );

  it.each([
    ['the primary', "process.kill(process.pid, 'SIGKILL')"],
    ['the primary and its workers', "process.kill(-process.pid, 'SIGKILL')"],
  ])('leaves nothing behind when %s is killed', async (_, kill) => {
    const { ended, prints, child } = startProgram(`
      const cache = new LRUCacheClustered({ namespace: 'left' });
      export async function main() {
        if (cluster.isWorker) { await cache.set('w', 1); return process.send('ready'); }
        await cache.set('p', 1);
        const workers = [cluster.fork(), cluster.fork()];
        await Promise.all(workers.map((worker) => new Promise((done) => worker.once('message', done))));
        console.log('ready ' + workers.map((worker) => worker.process.pid).join(' '));
        setTimeout(() => ${kill}, 50);
      }`);
    const [, pids] = await prints(/ready (.+)/);
    expect(segmentsOf(child.pid)).toContainEqual(expect.stringContaining('flotilla'));
    expect((await ended).signal).toBe('SIGKILL');
    // Its workers end as soon as their channel closes; a process that is gone holds nothing.
    const workers = pids.split(' ').map(Number);
    await expect.poll(() => workers.flatMap(segmentsOf)).toEqual([]);
    expect(segmentsOf(child.pid)).toEqual([]);
    expect(readdirSync('/dev/shm').filter((name) => name.includes('flotilla'))).toEqual([]);
    expect(readFileSync('/proc/net/unix', 'utf8')).not.toContain(`flotilla-${child.pid}`);
  });

  it('goes on in workers when the primary is killed', async () => {
    const { prints } = startProgram(`
      const cache = new LRUCacheClustered({ namespace: 'orphans' });
      export async function main() {
        if (cluster.isPrimary) {
          await cache.set('before', 'kept');
          cluster.fork();
          return;
        }
        process.removeAllListeners('disconnect');
        const primary = process.ppid;
        process.on('disconnect', async () => {
          await cache.set('after', 'stored');
          console.log('alone: ' + [await cache.get('before'), await cache.get('after'), await cache.fetch('new', () => 'brought')]);
          process.exit(0);
        });
        // Said so, Node does not end this process as soon as the primary is gone.
        cluster.worker.exitedAfterDisconnect = true;
        process.kill(primary, 'SIGKILL');
      }`);
    expect((await prints(/alone: (.+)/))[1]).toBe('kept,stored,brought');
  });
});

describe('bootstrap', () => {
  it('sets the ceiling, which then makes room by evicting', async () => {
    const { before } = await inCluster(`
      LRUCacheClustered.bootstrap({ memory: '4mb' });
      LRUCacheClustered.bootstrap();
      const cache = new LRUCacheClustered({ namespace: 'small', max: 1e6 });
      export async function primary() {
        const value = 'v'.repeat(10000);
        for (let index = 0; index < 2000; index++) await cache.set('key ' + index, value);
        const { entries, memoryEvictions, segmentBytes } = await cache.usage();
        const large = await cache.set('large', 'x'.repeat(3e6)).then(() => cache.get('large')).then((text) => text.length);
        const over = await cache.set('over', 'x'.repeat(5e6)).catch((error) => error.code);
        return { some: entries > 100, all: entries + memoryEvictions, within: segmentBytes <= 4 * 2 ** 20, large, over, sound: addon.segmentValidate() ?? 'sound' };
      }
      export const worker = () => null;`);
    expect(before).toEqual({
      some: true,
      all: 2000,
      within: true,
      large: 3e6,
      over: 'FLOTILLA_ERR_VALUE_TOO_LARGE',
      sound: 'sound',
    });
  });

  it('refuses what it does not understand, and what comes too late', async () => {
    const { before, answers } = await inCluster(
      `
      const code = (options) => { try { LRUCacheClustered.bootstrap(options); return 'fine'; } catch (error) { return error.code; } };
      export async function primary() {
        const refused = [{ memory: 'lots' }, { memory: -1 }, { memory: 1000 }, { memory: 1.5e7 + 0.5 }, { transport: 'pigeon' }, '512mb', null].map(code);
        const first = code({ memory: '8mb', transport: 'shared' });
        await new LRUCacheClustered().set('a', 1);
        return [refused, first, code({ memory: '8mb' }), code({ memory: '9mb' }), await new LRUCacheClustered().get('a')];
      }
      export const worker = () => code({ memory: '9mb' });`,
      { workers: 1 },
    );
    const invalid = 'FLOTILLA_ERR_INVALID_ARGUMENT';
    expect(before).toEqual([Array(7).fill(invalid), 'fine', 'fine', 'FLOTILLA_ERR_BOOTSTRAP_TOO_LATE', 1]);
    expect(answers).toEqual(['fine']);
  });
});
