/** Operations on very many entries: nobody waits for all of it, neither another process nor the caller's event loop. */

import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { node } from '../fixtures/processes.mjs';

const program = fileURLToPath(new URL('../fixtures/long-operations.mjs', import.meta.url));
const ENTRIES = 100_000;

describe.runIf(process.platform === 'linux')(`of ${ENTRIES} entries in a shared cache`, () => {
  /** @type {any} */
  let report;
  beforeAll(async () => {
    const { stdout, stderr } = await node([program], {
      env: { ...process.env, ENTRIES: String(ENTRIES) },
      whenDone: () => {},
    });
    expect(stderr).not.toContain('Error');
    report = JSON.parse(stdout);
  }, 120_000);

  const all = ['keys', 'dump', 'load', 'clear', 'purgeStale', 'max', 'destroy'];

  it.each(all)('%s gives the event loop its turns', (name) => {
    expect(report[name].turns).toBeGreaterThan(3);
  });

  it.each(all)('%s lets another process have the lock in between', (name) => {
    expect(report[name].observed).toBeGreaterThan(100);
  });

  it('a list has what was there all the time, and no key twice', () => {
    expect(report.keys.value).toMatchObject({ length: ENTRIES + 1, distinct: ENTRIES + 1 });
    expect(report.dump.value).toBe(ENTRIES);
  });

  it('a load is done when what was called after it is', () => {
    expect(report.load.value).toEqual([1, 7, true]);
  });

  it('a clear is done when it returns, whatever is left to be taken apart', () => {
    expect(report.clear.value).toBeLessThan(100);
  });

  it('each does what it says', () => {
    expect(report.purgeStale.value).toBe(true);
    expect(report.max.value).toEqual([10, 10]);
    expect(report.destroy.value).toBe(true);
  });
});
