import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { builtAddon, emptyFolder, installCopy, root } from '../fixtures/folders.mjs';
import { node } from '../fixtures/processes.mjs';

const require = createRequire(import.meta.url);
const parts = ['flotilla', 'flotilla/core', 'flotilla/server', 'flotilla/cache', 'flotilla/express'];
/** What plugs into other packages: not in the root, which nobody of theirs imports. */
const adapters = Object.keys(require('flotilla/package.json').exports)
  .map((entry) => entry.replace('.', 'flotilla'))
  .filter((entry) => !parts.includes(entry) && !entry.endsWith('.json'));

/** Runs a module in a process of its own, where nothing but Node itself loads the package. */
async function answer(script, cwd = root, env = {}) {
  const { stdout, stderr, code } = await node(['--input-type=module', '-e', script], {
    cwd,
    env: { ...process.env, ...env },
  });
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

describe.each([...parts, ...adapters])('%s', (entry) => {
  it('has the same names and the same things for import and require', async () => {
    const script = `
      import { createRequire } from 'node:module';
      import * as esm from '${entry}';
      const cjs = createRequire(process.cwd() + '/x.js')('${entry}');
      const names = (entry) => Object.keys(entry).filter((name) => name !== '__esModule').sort();
      console.log(JSON.stringify({
        esm: names(esm),
        cjs: names(cjs),
        same: names(esm).every((name) => esm[name] === cjs[name]),
      }));`;
    const { esm, cjs, same } = await answer(script);
    expect(esm).toEqual(cjs);
    expect(same).toBe(true);
  });
});

describe.each(parts)('%s', (entry) => {
  it('offers what the root offers, by the same names', () => {
    const main = require('flotilla');
    for (const [name, value] of Object.entries(require(entry))) {
      if (name !== 'default') expect(value, name).toBe(main[name]);
    }
  });
});

describe('the default exports', () => {
  it.each([
    ['flotilla', 'express'],
    ['flotilla/express', 'express'],
    ['flotilla/cache', 'LRUCacheClustered'],
  ])('of %s is %s', (entry, name) => {
    expect(require(entry).default).toBe(require('flotilla')[name]);
  });
});

describe('one instance of the library in a process', () => {
  it('is what a second copy of the same version finds', async () => {
    const [first, second] = [emptyFolder(), emptyFolder()];
    const script = `
      import { createRequire } from 'node:module';
      const [a, b] = ${JSON.stringify([first, second])}.map((folder) => createRequire(folder + '/x.js'));
      console.log(JSON.stringify({
        files: a.resolve('flotilla') === b.resolve('flotilla'),
        same: a('flotilla') === b('flotilla'),
        part: a('flotilla/cache').wrap === b('flotilla').wrap,
      }));`;
    for (const place of [first, second]) installCopy(place);
    expect(await answer(script, first, { FLOTILLA_ADDON: builtAddon })).toEqual({
      files: false,
      same: true,
      part: true,
    });
  });

  it('survives a module cache that is emptied, as test runners do', async () => {
    const script = `
      import { createRequire } from 'node:module';
      const require = createRequire(process.cwd() + '/x.js');
      const first = require('flotilla');
      for (const file of Object.keys(require.cache)) delete require.cache[file];
      console.log(JSON.stringify(require('flotilla') === first));`;
    expect(await answer(script)).toBe(true);
  });

  it('survives one that is emptied between what is loaded first and what is loaded later', async () => {
    const script = `
      import { createRequire } from 'node:module';
      const require = createRequire(process.cwd() + '/x.js');
      const library = require('flotilla');
      library.LRUCacheClustered;
      const before = { ...require.cache };
      for (const file of Object.keys(before)) delete require.cache[file];
      library.createServer;
      const ours = Object.keys(before).filter((file) => file.startsWith(process.cwd() + '/lib/'));
      const twice = ours.filter((file) => require.cache[file] !== before[file]);
      const entry = require('flotilla/cache').LRUCacheClustered === library.LRUCacheClustered;
      console.log(JSON.stringify({ some: ours.length > 9, twice, entry }));`;
    expect(await answer(script)).toEqual({ some: true, twice: [], entry: true });
  });

  it('is each thread’s own in a worker thread, and loads there too', async () => {
    const script = `
      import { Worker } from 'node:worker_threads';
      const worker = new Worker(
        "require('node:worker_threads').parentPort.postMessage(require('flotilla').versions)", { eval: true, execArgv: [] });
      worker.on('message', (versions) => console.log(JSON.stringify(versions)));`;
    expect(await answer(script)).toEqual({ ...require('flotilla').versions });
  });
});

describe('loading', () => {
  /** Which files of the library there are after this. */
  const loadedBy = (/** @type {string} */ code) =>
    answer(`
      import { createRequire } from 'node:module';
      const require = createRequire(process.cwd() + '/x.js');
      ${code};
      const files = Object.keys(require.cache).filter((file) => file.startsWith(process.cwd() + '/lib/'));
      console.log(JSON.stringify(files.map((file) => file.slice(process.cwd().length + 1))));`);

  it('brings only what is used, and the addon at once', async () => {
    const root = await loadedBy("require('flotilla')");
    expect(root).toContain('lib/native/loader.js');
    expect(root.length).toBeLessThanOrEqual(5);
    const cache = await loadedBy("require('flotilla/cache').LRUCacheClustered");
    expect(cache).toContain('lib/cache/sync-view.js');
    expect(cache.filter((file) => /lib\/(http|cluster|lifecycle|signals)\/(?!.*seat)/.test(file))).toEqual(
      [],
    );
  });

  // Where the addon does not know how much memory there is, `node:os` is asked.
  const tellsMemory = require('../../lib/native/loader.js').machineMemory() > 0;
  it.runIf(tellsMemory).each(['flotilla', 'flotilla/cache'])(
    'brings no module of Node’s: %s',
    async (entry) => {
      const brought = await answer(`
      import 'node:diagnostics_channel';
      import { createRequire } from 'node:module';
      const require = createRequire(process.cwd() + '/x.js');
      const before = new Set(process.moduleLoadList);
      require('${entry}');
      console.log(JSON.stringify(process.moduleLoadList.filter((module) => !before.has(module))));`);
      expect(brought).toEqual([]);
    },
  );

  it('lets a property be replaced before it was ever read', () => {
    const library = require('flotilla');
    const { wrap } = Object.getOwnPropertyDescriptors(library);
    const stub = () => 1;
    library.wrap = /** @type {any} */ (stub);
    expect(library.wrap).toBe(stub);
    Object.defineProperty(library, 'wrap', wrap);
    expect(library.wrap).not.toBe(stub);
  });
});

describe('the contract', () => {
  /** The values that a declaration file exports, by name. */
  function declared(file) {
    const text = readFileSync(path.join(root, file), 'utf8');
    const direct = [...text.matchAll(/^export (?:const|function|class) (\w+)/gm)].map(([, name]) => name);
    const lists = [...text.matchAll(/^export \{([^}]*)\}/gm)].flatMap(([, list]) => list.split(','));
    const listed = lists.map((entry) => entry.trim().split(' as ').at(-1)).filter(Boolean);
    return [...new Set([...direct, ...listed])].sort();
  }

  it.each([
    ['flotilla', 'index.d.ts'],
    ...[...parts.slice(1), ...adapters].map((entry) => [entry, `lib/doors/${path.basename(entry)}.d.ts`]),
  ])('of %s names each value that it exports, and no other', (entry, file) => {
    const exported = Object.keys(require(entry)).filter((name) => name !== '__esModule');
    expect(declared(file)).toEqual(exported.sort());
  });
});
