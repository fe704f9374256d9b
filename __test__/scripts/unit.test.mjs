import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { unitTests } from '../../scripts/unit.mjs';
import { emptyFolder, root } from '../fixtures/folders.mjs';
import { node } from '../fixtures/processes.mjs';

/** A clone's scripts, in a folder of their own, with a test of one file and none of what has to be built. */
function clone() {
  const folder = emptyFolder();
  for (const part of ['scripts', 'Cargo.toml', 'package.json', '__test__/bench/turns.test.mjs']) {
    cpSync(path.join(root, part), path.join(folder, part), { recursive: true });
  }
  return folder;
}

/** @param {string} folder @param {string[]} args */
const unit = (folder, ...args) => node(['scripts/unit.mjs', ...args], { cwd: folder });

describe('the fast loop', () => {
  it('runs the tests that it is given, and ends well', async () => {
    const { code, stdout } = await unit(root, '__test__/bench/turns');
    expect({ code, stdout }).toMatchObject({ code: 0 });
    expect(stdout).toMatch(/Test Files .*1 passed/);
  });

  it('takes the tests of every part that start no process, and no others', () => {
    const files = unitTests();
    for (const part of ['cache', 'errors', 'lifecycle', 'package', 'scope', 'server', 'stores']) {
      expect(files.filter((file) => file.startsWith(`__test__/${part}/`))).not.toEqual([]);
    }
    expect(files).not.toContain('__test__/scripts/unit.test.mjs');
    // It starts its processes through a fixture.
    expect(files).not.toContain('__test__/cache/copies.test.mjs');
    for (const file of files)
      expect(readFileSync(path.join(root, file), 'utf8')).not.toContain("node:cluster'");
  });

  it('says what to build or install, and does neither', async () => {
    const folder = clone();
    expect(await unit(folder)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('The packages are not installed: run "npm ci"'),
    });
    symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
    expect(await unit(folder)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('The addon is not built: run "npm run build -- --debug"'),
    });
  });

  it('leaves Rust’s tests out where they are not built, and says when the addon is old', async () => {
    const folder = clone();
    symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
    mkdirSync(path.join(folder, 'lib/native'), { recursive: true });
    writeFileSync(path.join(folder, 'lib/native/flotilla.node'), '');
    cpSync(path.join(root, 'bench/harness'), path.join(folder, 'bench/harness'), { recursive: true });
    const { code, stdout } = await unit(folder);
    expect({ code, stdout }).toMatchObject({ code: 0 });
    expect(stdout).toContain('The addon is older than its source: "npm run build -- --debug" renews it.');
    expect(stdout).toContain('Rust’s unit tests are left out: "cargo test --lib --no-run" builds them');
  });

  it('says so where no test has the name', async () => {
    const { code, stderr } = await unit(root, 'nowhere');
    expect(code).toBe(1);
    expect(stderr).toContain('No test that starts no process is called nowhere');
  });
});
