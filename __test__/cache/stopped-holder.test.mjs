/** A process that is stopped while it has a cache's lock: a real one, stopped by a signal. */

import { fileURLToPath } from 'node:url';
import { LRUCacheClustered } from 'flotilla';
import { beforeAll, describe, expect, it } from 'vitest';
import { node } from '../fixtures/processes.mjs';

const program = fileURLToPath(new URL('../fixtures/stopped-holder.mjs', import.meta.url));

const onLinux = process.platform === 'linux';

describe.runIf(onLinux)('while a process that was stopped has the lock of a shared cache', () => {
  /** @type {any} */
  let report;
  beforeAll(async () => {
    const { stdout, stderr } = await node([program], { whenDone: () => {} });
    expect(stderr).not.toContain('Error');
    report = JSON.parse(stdout);
  }, 120_000);

  const held = { code: 'FLOTILLA_ERR_LOCK_HELD' };

  it('get and has answer at once', () => {
    expect(report.get).toMatchObject({ value: 5 });
    expect(report.has).toMatchObject({ value: true });
    expect(report.get.ms + report.has.ms).toBeLessThan(1000);
  });

  it('a change is refused after lockTimeout, and the message names the holder', () => {
    expect(report.set).toMatchObject(held);
    expect(report.set.message).toContain(`process ${report.holder} `);
    expect(report.set.ms).toBeGreaterThan(245);
    expect(report.quick).toMatchObject(held);
    expect(report.quick.ms).toBeGreaterThan(19);
    expect(report.quick.ms).toBeLessThan(report.set.ms);
    expect(report.sync).toMatchObject(held);
  });

  it('fifty changes that wait keep the event loop no longer than one', () => {
    expect(report.sets.value.map(({ reason }) => reason.code)).toEqual(Array(50).fill(held.code));
    expect(report.sets.ms).toBeLessThan(10 * report.set.ms);
  });

  it('other caches go on in other processes, are made, and the locked one is joined', () => {
    expect(report.other).toMatchObject({
      got: { value: 7 },
      own: { value: 1 },
      made: { value: true },
      joined: { value: 8 },
    });
    expect(report.names.value).toEqual(['busy', 'own']);
  });

  it('the death of another worker keeps the primary waiting for nothing', () => {
    expect(report.blockAfterExit).toBeLessThan(1000);
  });

  it('a warning names the holder once a second is over', () => {
    expect(report.warnings).toEqual([
      { ...held, message: expect.stringContaining(`process ${report.holder} has`) },
    ]);
  });

  it('a change that waits is done when the process goes on', () => {
    expect(report.after).toMatchObject({ value: true });
    expect(report.end).toBe('after');
  });

  it('a fetch whose value waits to be stored asks once for its tags', () => {
    expect(report.fetched).toEqual(['brought', 1]);
  });

  it('time in which the one who waits is stopped itself does not count', () => {
    expect(report.waited).not.toHaveProperty('code');
    expect(report.waited.ms).toBeGreaterThan(500);
  });

  it('calls that wait keep their order, and those that come meanwhile stay behind them', () => {
    expect(report.order).toEqual([true, true, 2]);
  });
});

describe('lockTimeout', () => {
  it.each([-1, Number.NaN, '250ms', null])('is a number of milliseconds, and not %s', (lockTimeout) => {
    expect(() => new LRUCacheClustered({ namespace: 'timed', lockTimeout })).toThrow(
      expect.objectContaining({ code: 'FLOTILLA_ERR_INVALID_ARGUMENT' }),
    );
  });
});
