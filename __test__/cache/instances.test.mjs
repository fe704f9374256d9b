/** Several instances of the library in one thread, each in a context of its own: `jest`, and `vmThreads` of vitest. */

import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { node } from '../fixtures/processes.mjs';

const program = fileURLToPath(new URL('../fixtures/two-instances.mjs', import.meta.url));

describe('two instances in one thread', () => {
  /** @type {any} */
  let report;
  beforeAll(async () => {
    const { stdout, stderr } = await node([program], { whenDone: () => {} });
    expect(stderr).toBe('');
    report = JSON.parse(stdout);
  }, 60_000);

  it('are two', () => expect(report.distinct).toBe(true));

  it('read what either stored, as it was stored', () => {
    const read = [{ a: [1, 'b'] }, JSON.parse(JSON.stringify(Buffer.from('bytes'))), 'text', 7, {}];
    expect(report.read).toEqual(read.flatMap((value) => Array(5).fill(value)));
  });

  it('see each other’s changes, however often they have read a key', () => expect(report.seen).toBe(true));

  it('share a flight, and each is told its end', () => {
    expect(report.loads).toBe(1);
    expect(report.fetched).toEqual(Array(4).fill({ fetched: true }));
  });

  it('throw errors of their own context', () => {
    expect(report.refused).toEqual([true, true]);
    expect(report.wrong).toEqual([true, true]);
  });
});
