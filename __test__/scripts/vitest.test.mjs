import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { vitest } from '../../scripts/vitest.mjs';
import { emptyFolder } from '../fixtures/folders.mjs';

const passes = "it('passes', () => {});";
const fails = "it('fails', () => expect(1).toBe(2));";
/** Fails in the first run of the folder alone. */
const failsOnce = `it('may pass', async () => {
  const { existsSync, writeFileSync } = await import('node:fs');
  const mark = new URL('ran', import.meta.url);
  const second = existsSync(mark);
  writeFileSync(mark, '');
  expect(second).toBe(true);
});`;

/** @param {Record<string, string>} files @param {string} [CI] */
function counted(files, CI) {
  const folder = emptyFolder();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
  }
  return vitest([`--root=${folder}`, '--globals', '--reporter=dot'], { env: { ...process.env, CI } });
}

describe('a run of tests', () => {
  it('counts what passed and what failed', () => {
    expect(counted({ 'a.test.mjs': passes + fails, 'b.test.mjs': passes })).toEqual({ passed: 2, failed: 1 });
  });

  it('has failed where a file cannot be loaded', () => {
    expect(counted({ 'a.test.mjs': passes, 'b.test.mjs': 'nonsense(' })).toEqual({ passed: 1, failed: 1 });
  });

  it('repeats in CI alone what failed, and has failed if that fails again', () => {
    const files = { 'a.test.mjs': passes + failsOnce, 'b.test.mjs': passes };
    expect(counted(files, 'true')).toEqual({ passed: 3, failed: 0 });
    expect(counted({ 'a.test.mjs': passes + fails }, 'true')).toEqual({ passed: 1, failed: 1 });
  });

  it('does not repeat tests that look for races', () => {
    expect(counted({ '__test__/crash/a.test.mjs': failsOnce }, 'true')).toEqual({ passed: 0, failed: 1 });
  });
});
