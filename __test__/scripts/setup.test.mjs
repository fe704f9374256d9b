import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { platformOf } from '../../scripts/lockfile.mjs';
import { isOlder } from '../../scripts/toolchain.mjs';
import { builtAddon, emptyFolder, root } from '../fixtures/folders.mjs';
import { node } from '../fixtures/processes.mjs';

/** A clone's scripts and manifests, in a folder of their own. */
function clone() {
  const folder = emptyFolder();
  for (const part of ['scripts', 'package.json', 'package-lock.json', 'Cargo.toml', 'Cargo.lock']) {
    cpSync(path.join(root, part), path.join(folder, part), { recursive: true });
  }
  return folder;
}

describe('a machine that lacks something', () => {
  it('is told to install Rust where there is no cargo', async () => {
    const folder = clone();
    const { code, stderr } = await node(['scripts/prepare.mjs'], { cwd: folder, env: { PATH: folder } });
    expect(code).toBe(1);
    expect(stderr).toContain('there is no cargo on the PATH');
    expect(stderr).toContain('https://rustup.rs');
  });

  it('is told to install a C compiler where Rust could not link', async () => {
    const folder = clone();
    for (const name of ['cargo', 'rustc']) {
      writeFileSync(path.join(folder, name), `#!/bin/sh\necho "${name} 1.99.0"\n`, { mode: 0o755 });
    }
    const { code, stderr } = await node(['scripts/prepare.mjs'], { cwd: folder, env: { PATH: folder } });
    expect(code).toBe(1);
    expect(stderr).toContain('there is no cc on the PATH');
  });

  it('is told to update a Rust that is too old', async () => {
    const folder = clone();
    for (const name of ['cargo', 'rustc']) {
      writeFileSync(path.join(folder, name), `#!/bin/sh\necho "${name} 1.50.0"\n`, { mode: 0o755 });
    }
    const { code, stderr } = await node(['scripts/prepare.mjs'], { cwd: folder, env: { PATH: folder } });
    expect(code).toBe(1);
    expect(stderr).toMatch(/Flotilla needs Rust 1\.\d+ or later; this is 1\.50\.0\.\nRun "rustup update"/);
  });

  it('is told which Node.js to install where its own is too old', async () => {
    const folder = clone();
    const preload = path.join(folder, 'old-node.cjs');
    writeFileSync(
      preload,
      `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.9.1' } });
       Object.defineProperty(process, 'version', { value: 'v18.9.1' });`,
    );
    const { code, stderr } = await node(['--require', preload, 'scripts/prepare.mjs'], { cwd: folder });
    expect(code).toBe(1);
    expect(stderr).toContain('Flotilla needs Node.js 20.3.0 or later; this is v18.9.1');
  });
});

describe('a second set-up', () => {
  it('installs and builds nothing when nothing changed', async () => {
    const { code, stderr, stdout } = await node(['scripts/prepare.mjs'], { cwd: root });
    expect({ code, stderr, stdout }).toEqual({ code: 0, stderr: '', stdout: '' });
  });
});

describe('the stale-file check', () => {
  /** @param {string[]} args */
  const generate = (folder, ...args) =>
    node(['scripts/generate.mjs', ...args], {
      cwd: folder,
      env: { ...process.env, FLOTILLA_ADDON: builtAddon },
    });

  it('names a file that does not follow from its source any more, and generating it again mends it', async () => {
    const folder = clone();
    for (const part of ['LICENSE', 'index.js', 'index.mjs', 'lib', 'npm', 'docs', 'tests/walls.rs']) {
      cpSync(path.join(root, part), path.join(folder, part), { recursive: true });
    }
    expect(await generate(folder, '--check')).toMatchObject({ code: 0, stderr: '' });

    const manifest = path.join(folder, 'npm/darwin-arm64/package.json');
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('arm64', 'ia32'));
    const { code, stderr } = await generate(folder, '--check');
    expect(code).toBe(1);
    expect(stderr).toContain('Stale: npm/darwin-arm64/package.json.\nRun "npm run generate".');

    expect((await generate(folder)).stdout).toBe('wrote npm/darwin-arm64/package.json\n');
    expect(await generate(folder, '--check')).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('the version check', () => {
  it.each([
    ['20.2.9', '20.3.0', true],
    ['20.3.0', '20.3.0', false],
    ['22.0.0', '20.3.0', false],
    ['1.88.0', '1.88', false],
    ['1.9.0', '1.88', true],
    ['20.3', '20.3.1', true],
  ])('knows whether %s is older than %s', (actual, oldest, older) => {
    expect(isOlder(actual, oldest)).toBe(older);
  });
});

describe('the lockfile’s platform packages', () => {
  it.each([
    ['flotilla-linux-x64-gnu', { os: ['linux'], cpu: ['x64'], libc: ['glibc'] }],
    ['@biomejs/cli-linux-arm64-musl', { os: ['linux'], cpu: ['arm64'], libc: ['musl'] }],
    ['flotilla-win32-x64-msvc', { os: ['win32'], cpu: ['x64'] }],
    ['@biomejs/cli-darwin-arm64', { os: ['darwin'], cpu: ['arm64'] }],
  ])('are read off the name %s', (name, platform) => {
    expect(platformOf(name)).toEqual(platform);
  });

  it('are told from packages that are for every platform', () => {
    expect(platformOf('fsevents')).toBeUndefined();
    expect(platformOf('is-linux')).toBeUndefined();
  });
});
