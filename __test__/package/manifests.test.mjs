import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../fixtures/folders.mjs';

const require = createRequire(import.meta.url);
const { platforms } = require('../../lib/native/platforms.js');
const manifest = require('../../package.json');
const read = (file) => readFileSync(path.join(root, file), 'utf8');

describe('the platform packages', () => {
  it('are the seven that the README promises', () => {
    expect(platforms.map(({ id }) => id).sort()).toEqual([
      'darwin-arm64',
      'darwin-x64',
      'linux-arm64-gnu',
      'linux-arm64-musl',
      'linux-x64-gnu',
      'linux-x64-musl',
      'win32-x64-msvc',
    ]);
  });

  it('each have a manifest that lets npm choose, and stand in the optional dependencies', () => {
    expect(readdirSync(path.join(root, 'npm')).sort()).toEqual(platforms.map(({ id }) => id).sort());
    for (const { id, os, cpu, libc } of platforms) {
      const one = require(`../../npm/${id}/package.json`);
      expect(one).toMatchObject({ name: `flotilla-${id}`, version: manifest.version, os: [os], cpu: [cpu] });
      expect(one.libc).toEqual(libc && [libc]);
      expect(manifest.optionalDependencies[one.name]).toBe(manifest.version);
    }
  });

  it('are all built and published by the release workflow, each for its target', () => {
    const release = read('.github/workflows/release.yml');
    for (const { id, target } of platforms) {
      expect(release).toMatch(new RegExp(`platform: ${id}\n +target: ${target}\n`));
    }
  });
});

describe('the package', () => {
  it('has the version of the crate', () => {
    expect(read('Cargo.toml')).toContain(`name = "flotilla"\nversion = "${manifest.version}"`);
  });

  it('needs nothing at run time, and runs no script when it is installed', () => {
    expect(manifest.dependencies).toBeUndefined();
    for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) {
      expect(manifest.scripts[name]).toBeUndefined();
    }
  });

  it('has a lockfile without download addresses, whole for every platform', () => {
    const lock = JSON.parse(read('package-lock.json'));
    for (const [place, entry] of Object.entries(lock.packages)) {
      expect(entry.resolved, place).toBeUndefined();
      for (const name of Object.keys(entry.optionalDependencies ?? {})) {
        const nested = `${place}/node_modules/${name}`;
        expect(lock.packages[nested] ?? lock.packages[`node_modules/${name}`], name).toBeDefined();
      }
    }
  });
});
