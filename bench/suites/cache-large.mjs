// Reading and writing large Buffers, beside a copy of the same bytes within the process, and beside lmdb.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { untyped } from '../cache/data.mjs';

/** @typedef {import('../harness/types.d.ts').Contestant} Contestant */
/** @typedef {{ id: string, label: string, bytes: Buffer }} Size */

/** @type {Size[]} */
const sizes = [
  { id: '16k', label: '16 KB', bytes: Buffer.alloc(16 << 10, 'a') },
  { id: '64k', label: '64 KB', bytes: Buffer.alloc(64 << 10, 'a') },
  { id: '1m', label: '1 MB', bytes: Buffer.alloc(1 << 20, 'a') },
  { id: '8m', label: '8 MB', bytes: Buffer.alloc(8 << 20, 'a') },
];

const keys = ['one', 'two', 'three', 'four'];
const keyOf = (/** @type {number} */ turn) => /** @type {string} */ (keys[turn & 3]);

/** @param {Size} size */
async function ours({ id, bytes }) {
  const { LRUCacheClustered } = await import('flotilla');
  const { sync } = new LRUCacheClustered({ namespace: `bench ${id}`, max: keys.length });
  for (const key of keys) sync.set(key, bytes);
  return sync;
}

/** @param {Size} size */
async function lmdb({ bytes }) {
  const folder = mkdtempSync(path.join(tmpdir(), 'flotilla-bench-'));
  const database = untyped('lmdb').open({ path: folder, encoding: 'binary' });
  for (const key of keys) await database.put(key, bytes);
  return {
    call: (/** @type {number} */ turn) => database.get(keyOf(turn)),
    async close() {
      await database.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** @param {Size} size @returns {Contestant[]} */
const contestantsOf = (size) => [
  {
    id: `copy-${size.id}`,
    label: `Buffer.copyBytesFrom, ${size.label}`,
    kind: 'call',
    prepare: () => {
      // As many sources as the cache has keys: one alone would lie in a nearer cache of the processor.
      const sources = keys.map(() => Buffer.from(size.bytes));
      return { call: (turn) => Buffer.copyBytesFrom(/** @type {Buffer} */ (sources[turn & 3])) };
    },
  },
  {
    id: `get-${size.id}`,
    label: `flotilla: sync.get, ${size.label}`,
    kind: 'call',
    ours: true,
    async prepare() {
      const sync = await ours(size);
      return { call: (turn) => sync.get(keyOf(turn)) };
    },
  },
  {
    id: `set-${size.id}`,
    label: `flotilla: sync.set, ${size.label}`,
    kind: 'call',
    ours: true,
    async prepare() {
      const sync = await ours(size);
      return { call: (turn) => sync.set(keyOf(turn), size.bytes) };
    },
  },
  {
    id: `lmdb-${size.id}`,
    label: `lmdb: get, ${size.label}`,
    kind: 'call',
    packages: ['lmdb'],
    prepare: () => lmdb(size),
  },
];

/** @param {Size} size @returns {import('../harness/types.d.ts').Row[]} */
const rowsOf = ({ id }) => [
  { subject: `get-${id}`, reference: `copy-${id}`, ...(id === '1m' && { bar: 'at most 1.3' }) },
  { subject: `get-${id}`, reference: `lmdb-${id}`, ...(id === '64k' && { bar: 'at least 1x faster' }) },
  { subject: `set-${id}`, reference: `copy-${id}` },
];

/** @type {import('../harness/types.d.ts').Suite} */
export default {
  title: 'Large Buffers in a shared cache',
  measures: 'Time of one call in a hot loop, of Buffers of 16 KB to 8 MB, under four keys in turn',
  unit: 'µs',
  direction: 'lower is better',
  contestants: sizes.flatMap(contestantsOf),
  rows: sizes.flatMap(rowsOf),
};
