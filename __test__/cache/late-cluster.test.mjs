// A primary that loads the cluster module after this library: until its first child begins, nothing of the library needs
// that module. What has to be done for workers is done then, whatever of the library was used before.

import { describe, expect, it } from 'vitest';
import { root } from '../fixtures/folders.mjs';
import { node } from '../fixtures/processes.mjs';

/** Runs a program, in CommonJS so that its order is that of its lines, and gives what it printed. */
async function printed(code, env = {}) {
  const {
    stdout,
    stderr,
    code: ended,
  } = await node(['-e', code], { cwd: root, env: { ...process.env, ...env } });
  if (ended !== 0) throw new Error(stderr);
  return stdout.trim();
}

/** A worker of its own program, which `-e` has none of. */
const worker = (code) => `
  const cluster = require('node:cluster');
  cluster.setupPrimary({ exec: require.resolve('./__test__/fixtures/eval.cjs'), args: [${JSON.stringify(code)}], execArgv: [] });`;

describe.each(['shared', 'ipc'])('a cluster module that is loaded late, on %s', (FLOTILLA_TRANSPORT) => {
  it('serves workers that use a cache which their primary has never touched', async () => {
    const code = `
      require('flotilla');
      const loaded = process.moduleLoadList.includes('NativeModule cluster');
      ${worker(`
        const { LRUCacheClustered } = require('flotilla/cache');
        const cache = new LRUCacheClustered({ namespace: 'n', timeout: 60_000 });
        cache.incr('a').then(async () => process.send([await cache.get('a'), (await cache.usage()).transport]));
      `)}
      cluster.fork().on('message', (told) => {
        if (!Array.isArray(told)) return;
        console.log(JSON.stringify([loaded, told]));
        process.exit();
      });`;
    expect(JSON.parse(await printed(code, { FLOTILLA_TRANSPORT }))).toEqual([false, [1, FLOTILLA_TRANSPORT]]);
  });

  it('lets another one lead when a worker is killed while it fetches', async () => {
    const code = `
      const { LRUCacheClustered } = require('flotilla');
      const cache = new LRUCacheClustered({ namespace: 'n' });
      ${worker(`
        const { LRUCacheClustered } = require('flotilla/cache');
        const cache = new LRUCacheClustered({ namespace: 'n', timeout: 60_000 });
        cache.fetch('a', () => new Promise(() => process.send('leads')));
      `)}
      const leader = cluster.fork();
      leader.on('message', (told) => {
        if (told !== 'leads') return;
        cache.fetch('a', () => 'mine').then((value) => {
          console.log(value);
          process.exit();
        });
        leader.process.kill('SIGKILL');
      });`;
    expect(await printed(code, { FLOTILLA_TRANSPORT })).toBe('mine');
  });
});

describe('a thread that loads the library before its main thread does', () => {
  it('leaves the main thread with memory that is shared with workers', async () => {
    const code = `
      const { Worker } = require('node:worker_threads');
      const use = "new (require('flotilla').LRUCacheClustered)({ namespace: 'n' }).set('a', 1).then(() => require('node:worker_threads').parentPort.postMessage(0))";
      new Worker(use, { eval: true, execArgv: [] }).on('message', () => {
        require('flotilla');
        ${worker(`
          const { LRUCacheClustered } = require('flotilla/cache');
          new LRUCacheClustered({ namespace: 'n' }).get('a').then((value) => process.send({ value }), ({ code }) => process.send({ code }));
        `)}
        cluster.fork().on('message', (told) => {
          console.log(JSON.stringify(told));
          process.exit();
        });
      });`;
    expect(JSON.parse(await printed(code, { FLOTILLA_TRANSPORT: 'shared' }))).toEqual({ value: 1 });
  });
});

describe('errors of modules that are loaded at once', () => {
  it('are those of the one instance, also after the module cache was emptied', async () => {
    const code = `
      const library = require('flotilla');
      for (const file of Object.keys(require.cache)) delete require.cache[file];
      const { LRUCacheClustered, FlotillaError } = library;
      for (const file of Object.keys(require.cache)) delete require.cache[file];
      LRUCacheClustered.bootstrap({ memory: '8mb' });
      const thrown = [];
      try { LRUCacheClustered.bootstrap({ memory: '9mb' }); } catch (error) { thrown.push(error); }
      new LRUCacheClustered({ namespace: 'n', max: 1 });
      try { new LRUCacheClustered({ namespace: 'n', max: 2 }); } catch (error) { thrown.push(error); }
      console.log(JSON.stringify(thrown.map((error) => [error.code, error instanceof FlotillaError])));`;
    expect(JSON.parse(await printed(code))).toEqual([
      ['FLOTILLA_ERR_BOOTSTRAP_TOO_LATE', true],
      ['FLOTILLA_ERR_CONFLICTING_OPTIONS', true],
    ]);
  });
});
