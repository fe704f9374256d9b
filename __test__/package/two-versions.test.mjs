/** Two versions of the package in one process: each is a library of its own, with a cache of its own for all workers. */

import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { builtAddon, emptyFolder, installCopy } from '../fixtures/folders.mjs';
import { node } from '../fixtures/processes.mjs';

const present = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;
/** Of the same length, as it stands in the addon. */
const other = present.replace(/\d$/, (digit) => String((Number(digit) + 1) % 10));

const source = `
  const cluster = require('node:cluster');
  const [one, other] = [require('flotilla'), require('other')];
  const caches = [one, other].map(({ LRUCacheClustered }, index) =>
    new LRUCacheClustered({ namespace: 'shared', max: 10 + index, timeout: 60_000 }));
  const values = () => Promise.all(caches.map((cache) => cache.get('a')));
  async function primary() {
    await Promise.all(caches.map((cache, index) => cache.set('a', ['one', 'other'][index])));
    cluster.fork().on('message', async (told) => {
      if (told.read === undefined) return;
      console.log(JSON.stringify({ ...told, counts: await Promise.all(caches.map((cache) => cache.get('count'))) }));
      process.exit();
    });
  }
  async function worker() {
    const read = await values();
    await caches[1].incr('count', 5);
    await caches[0].incr('count', 2);
    const { transport } = await caches[1].usage();
    process.send({ read, transport, versions: [one, other].map(({ versions }) => versions.addon) });
  }
  if (cluster.isPrimary) primary(); else worker();`;

/** A program with both of them installed. */
function program() {
  const folder = emptyFolder();
  const places = ['other', 'flotilla'].map((name) => {
    const place = path.join(folder, 'node_modules', name);
    const copy = installCopy(folder);
    if (copy !== place) renameSync(copy, place);
    return place;
  });
  for (const place of places) copyFileSync(builtAddon, path.join(place, 'lib/native/flotilla.node'));
  for (const file of ['package.json', 'lib/base/loading.js', 'lib/native/flotilla.node']) {
    const changed = path.join(places[0], file);
    writeFileSync(changed, readFileSync(changed, 'latin1').replaceAll(present, other), 'latin1');
  }
  writeFileSync(path.join(folder, 'app.cjs'), source);
  return folder;
}

describe.runIf(process.platform === 'linux')('two versions in one process', () => {
  it.each(['shared', 'ipc'])(
    'have a cache each, in the primary and in its workers: transport %s',
    async (transport) => {
      const env = { ...process.env, FLOTILLA_ADDON: '', FLOTILLA_TRANSPORT: transport };
      const { stdout, stderr } = await node(['app.cjs'], { cwd: program(), env });
      expect(stderr).toBe('');
      expect(JSON.parse(stdout)).toEqual({
        read: ['one', 'other'],
        transport,
        versions: [present, other],
        counts: [2, 5],
      });
    },
  );
});
