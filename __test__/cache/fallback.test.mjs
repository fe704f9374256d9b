// Where shared memory cannot be had: the IPC transport instead, with one warning that says why, from real causes.

import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { inCluster, startProgram } from '../fixtures/cache.mjs';
import { root } from '../fixtures/folders.mjs';
import { node } from '../fixtures/processes.mjs';

const library = new URL('../../index.mjs', import.meta.url).href;
const nobody = { uid: 65_534, gid: 65_534 };
/** Whether this is a user who may become another, for whom flotilla is there to be loaded. */
const mayBeNobody = () =>
  process.getuid?.() === 0 &&
  spawnSync(process.execPath, ['-e', `require(${JSON.stringify(root)})`], nobody).status === 0;

/** What the programs have in common. */
const parts = `
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
/** Sets a limit of this process as 'ulimit -S' does. */
const limit = (name, most) => execFileSync('prlimit', ['--pid', String(process.pid), '--' + name + '=' + most + ':']);
/** The largest that is left to be mapped is a gigabyte. */
const limitMemory = () => {
  const [, kilobytes] = /VmSize:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'));
  limit('as', (Number(kilobytes) + 2 ** 20) * 1024);
};
const warnings = [];
process.on('warning', ({ name, message }) => name === 'FlotillaWarning' && warnings.push(message));
/** Warnings come a turn later. */
const heard = async () => { await new Promise(setImmediate); return warnings; };
const answer = (worker) => new Promise((resolve) => worker.on('message', (message) => message?.said && resolve(message.said)));
`;

/** A system's word for an error is its own; its number is not. */
const unreachable = (number) =>
  `the shared segment cannot be reached \\(.*os error ${number}\\).*\\); the transport 'ipc' works without it`;
const slower = (number) =>
  expect.stringMatching(
    `^The cache asks the primary over messages, which is slower: ${unreachable(number)}$`,
  );
const [noPermission, noMemory, noDescriptor] = [13, 12, 24];

describe('a worker that cannot have shared memory', () => {
  const program = `${parts}
    export async function main() {
      if (cluster.isPrimary) {
        LRUCacheClustered.bootstrap({ memory: '16gb' });
        const cache = new LRUCacheClustered({ namespace: 'both', timeout: 60_000 });
        await cache.set('a', new Map([['from', 'primary']]));
        const workers = [cluster.fork({ LIMITED: '1' }), cluster.fork()];
        const said = await Promise.all(workers.map(answer));
        console.log(JSON.stringify({ said, count: await cache.get('count'), warned: await heard() }));
        for (const worker of workers) worker.kill();
        return;
      }
      if (process.env.LIMITED) limitMemory();
      const tell = async (promise) => promise.catch(({ code }) => code);
      const cache = new LRUCacheClustered({ namespace: 'both', timeout: 60_000 });
      new LRUCacheClustered({ namespace: 'another' });
      const found = await tell(cache.get('a'));
      await tell(cache.incr('count'));
      const { transport } = await tell(cache.usage());
      process.send({ said: { found: found.get?.('from') ?? found, transport, warned: await heard() } });
    }`;

  it('asks the primary, warns once of why, and leaves the others as they are', async () => {
    const { said, count, warned } = JSON.parse((await startProgram(program).ended).stdout);
    expect(said).toEqual([
      { found: 'primary', transport: 'ipc', warned: [slower(noMemory)] },
      { found: 'primary', transport: 'shared', warned: [] },
    ]);
    expect([count, warned]).toEqual([2, []]);
  });

  it('says why with each use where nothing but shared memory is wanted', async () => {
    const { ended } = startProgram(program, { FLOTILLA_TRANSPORT: 'shared' });
    const { said, count } = JSON.parse((await ended).stdout);
    expect(said.map(({ found, warned }) => [found, warned])).toEqual([
      ['FLOTILLA_ERR_SEGMENT_UNREACHABLE', []],
      ['primary', []],
    ]);
    expect(count).toBe(1);
  });
});

describe('a worker of another user, that shared memory is not for', () => {
  it.runIf(mayBeNobody())('gets no hold of the shared memory, and asks', async () => {
    const { ended } = startProgram(`${parts}
      export async function main() {
        const cache = new LRUCacheClustered({ namespace: 'guarded', timeout: 60_000 });
        if (cluster.isWorker) {
          const { transport } = await cache.usage();
          process.send({ said: [process.getuid(), await cache.get('a'), transport, await heard()] });
          return;
        }
        await cache.set('a', 1);
        cluster.setupPrimary(${JSON.stringify(nobody)});
        const worker = cluster.fork();
        console.log(JSON.stringify(await answer(worker)));
        worker.kill();
      }`);
    const { stdout, stderr } = await ended;
    expect(JSON.parse(stdout || stderr)).toEqual([nobody.uid, 1, 'ipc', [slower(noPermission)]]);
  });
});

describe('a primary that cannot offer its shared memory', () => {
  it('lets its workers ask, and warns once as the first is forked', async () => {
    const { ended } = startProgram(
      `${parts}
      export async function main() {
        const cache = new LRUCacheClustered({ namespace: 'asked', timeout: 60_000 });
        if (cluster.isWorker) {
          const { transport } = await cache.usage();
          process.send({ said: [await cache.get('a'), transport, await heard()] });
          return;
        }
        await cache.set('a', 1);
        // No descriptor is left for the offer, which was not made when flotilla was loaded.
        limit('nofile', 256);
        const taken = [];
        try { for (;;) taken.push(openSync('/dev/null')); } catch {}
        LRUCacheClustered.bootstrap({ transport: 'auto' });
        for (const fd of taken) closeSync(fd);
        const before = [...await heard()];
        const workers = [1, 2].map(() => cluster.fork({ FLOTILLA_TRANSPORT: 'auto' }));
        const said = await Promise.all(workers.map(answer));
        console.log(JSON.stringify({ before, said, warned: await heard() }));
        for (const worker of workers) worker.kill();
      }`,
      { FLOTILLA_TRANSPORT: 'ipc' },
    );
    const { stdout, stderr } = await ended;
    expect(JSON.parse(stdout || stderr)).toEqual({
      before: [],
      said: Array(2).fill([1, 'ipc', []]),
      warned: [
        expect.stringMatching(
          `^Workers ask the primary for the cache over messages, which is slower: ${unreachable(noDescriptor)}. FLOTILLA_TRANSPORT=ipc chooses this$`,
        ),
      ],
    });
  });
});

describe('a primary that cannot have shared memory', () => {
  it('says so with each use, until bootstrap is told what can be had', async () => {
    const source = `
      import { execFileSync } from 'node:child_process';
      import { readFileSync } from 'node:fs';
      const [, kilobytes] = /VmSize:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'));
      const limit = (most) => execFileSync('prlimit', ['--pid', String(process.pid), '--as=' + most + ':']);
      // What is left to be mapped is less than a quarter of all, which a cache may take.
      limit((Number(kilobytes) + 128 * 1024) * 1024);
      const { LRUCacheClustered } = await import(process.argv[1]);
      const cache = new LRUCacheClustered({ namespace: 'n' });
      const said = async (call) => { try { return await call(); } catch ({ code }) { return code; } };
      const calls = [() => cache.get('a'), () => cache.sync.get('a'), () => cache.healthCheck(), () => LRUCacheClustered.getInstance(),
        () => LRUCacheClustered.getAllCaches().size, () => LRUCacheClustered.bootstrap()];
      const failed = [];
      for (const call of calls) failed.push(await said(call));
      limit('unlimited');
      LRUCacheClustered.bootstrap({ memory: '64mb' });
      const other = new LRUCacheClustered({ namespace: 'n' });
      console.log(JSON.stringify([failed, await other.set('a', 1), await other.get('a')]));
    `;
    const { stdout, stderr } = await node(['--input-type=module', '-e', source, library]);
    expect(JSON.parse(stdout || stderr)).toEqual([
      Array(6).fill('FLOTILLA_ERR_SEGMENT_UNAVAILABLE'),
      true,
      1,
    ]);
  });
});

describe('a transport that is none, in place of shared memory', () => {
  it('is refused by each use, in the primary until bootstrap says another, and in a worker', async () => {
    const { before, answers } = await inCluster(
      `
      const said = async (call) => { try { return await call(); } catch ({ message, code }) { return [code, message]; } };
      const uses = () => {
        const cache = new LRUCacheClustered({ namespace: 'n' });
        return Promise.all([() => cache.set('a', 1), () => cache.healthCheck(), () => cache.sync.get('a')].map(said));
      };
      export async function primary() {
        const refused = [...await uses(), await said(() => LRUCacheClustered.bootstrap()), await said(() => LRUCacheClustered.bootstrap({ memory: '64mb' }))];
        LRUCacheClustered.bootstrap({ memory: '64mb', transport: 'shared' });
        return [refused, await uses()];
      }
      export const worker = uses;`,
      { workers: 1, env: { FLOTILLA_TRANSPORT: 'pigeon' } },
    );
    const refused = [
      'FLOTILLA_ERR_INVALID_ARGUMENT',
      'FLOTILLA_TRANSPORT must be one of auto, shared, ipc; it is "pigeon"',
    ];
    expect(before).toEqual([Array(5).fill(refused), [true, null, 1]]);
    expect(answers).toEqual([Array(3).fill(refused)]);
  });
});
