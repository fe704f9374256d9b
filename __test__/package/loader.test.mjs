import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { builtAddon, emptyFolder, installCopy, root } from '../fixtures/folders.mjs';
import { node } from '../fixtures/processes.mjs';

const { fittingPlatforms, platforms, runningLibc } = createRequire(import.meta.url)(
  '../../lib/native/platforms.js',
);
const here = fittingPlatforms().find(({ libc }) => libc === undefined || libc === runningLibc());

/** Prints what an import of the package fails with, or the versions it loaded. */
const probe = `
  try {
    console.log(JSON.stringify(require('flotilla').versions));
  } catch ({ name, code, fault, message, cause }) {
    console.log(JSON.stringify({ name, code, fault, message, cause: cause && String(cause.message) }));
  }`;

/**
 * @param {string} folder
 * @param {{ env?: Record<string, string>, before?: string }} [options] `before` runs before the import
 */
async function load(folder, { env = {}, before = '' } = {}) {
  const { stdout, stderr } = await node(['-e', before + probe], {
    cwd: folder,
    env: { ...process.env, FLOTILLA_ADDON: '', ...env },
  });
  if (!stdout) throw new Error(stderr);
  return JSON.parse(stdout);
}

/**
 * @param {string} folder
 * @param {string} id
 * @param {string} [addon]
 */
function installPlatform(folder, id, addon = builtAddon) {
  const place = path.join(folder, 'node_modules', `flotilla-${id}`);
  mkdirSync(place, { recursive: true });
  copyFileSync(path.join(root, 'npm', id, 'package.json'), path.join(place, 'package.json'));
  copyFileSync(addon, path.join(place, 'flotilla.node'));
}

/** @param {string} key @param {string} value */
const pretend = (key, value) => `Object.defineProperty(process, '${key}', { value: '${value}' });`;

describe('an installation as npm leaves it', () => {
  it('loads the addon from the package of the platform', async () => {
    const folder = emptyFolder();
    installCopy(folder);
    installPlatform(folder, here.id);
    const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
    expect(await load(folder)).toEqual({
      flotilla: version,
      addon: version,
      napi: process.versions.napi,
      target: here.target,
    });
  });

  it.runIf(process.platform === 'linux')(
    'takes the one of its C library where both are installed',
    async () => {
      const folder = emptyFolder();
      installCopy(folder);
      for (const { id } of fittingPlatforms()) {
        const fits = id === here.id;
        installPlatform(folder, id, fits ? builtAddon : path.join(root, 'package.json'));
      }
      expect(await load(folder)).toMatchObject({ target: here.target });
    },
  );

  it('prefers what was built in place', async () => {
    const folder = emptyFolder();
    const copy = installCopy(folder);
    installPlatform(folder, here.id, path.join(root, 'package.json'));
    copyFileSync(builtAddon, path.join(copy, 'lib/native/flotilla.node'));
    expect(await load(folder)).toMatchObject({ target: here.target });
  });

  it('takes the addon that FLOTILLA_ADDON names before any other', async () => {
    const folder = emptyFolder();
    installCopy(folder);
    installPlatform(folder, here.id, path.join(root, 'package.json'));
    expect(await load(folder, { env: { FLOTILLA_ADDON: builtAddon } })).toMatchObject({
      target: here.target,
    });
  });
});

describe('an installation that cannot work', () => {
  it('says for which platform the addon is missing, where it looked and how to build', async () => {
    const folder = emptyFolder();
    installCopy(folder);
    const error = await load(folder);
    expect(error).toMatchObject({
      name: 'FlotillaError',
      code: 'FLOTILLA_ERR_ADDON_MISSING',
      fault: 'system',
    });
    expect(error.message).toContain(`addon for ${here.id} is not installed`);
    expect(error.message).toContain(`flotilla-${here.id}`);
    expect(error.message).toContain(path.join('lib', 'native', 'flotilla.node'));
    expect(error.message).toContain('npm run build');
  });

  it('names the platform that has no addon, and those that have', async () => {
    const folder = emptyFolder();
    installCopy(folder);
    const error = await load(folder, { before: pretend('platform', 'sunos') });
    expect(error).toMatchObject({ code: 'FLOTILLA_ERR_PLATFORM_UNSUPPORTED' });
    expect(error.message).toContain(`no prebuilt addon for sunos-${process.arch}`);
    for (const { id } of platforms) expect(error.message).toContain(id);
    expect(error.message).toContain('npm run build');
  });

  it('still loads what was built on a platform that has no prebuilt addon', async () => {
    const folder = emptyFolder();
    const copy = installCopy(folder);
    copyFileSync(builtAddon, path.join(copy, 'lib/native/flotilla.node'));
    expect(await load(folder, { before: pretend('arch', 'riscv64') })).toMatchObject({ target: here.target });
  });

  it('refuses a file that is no addon, and keeps the loader’s own words as the cause', async () => {
    const folder = emptyFolder();
    installCopy(folder);
    installPlatform(folder, here.id, path.join(root, 'package.json'));
    const error = await load(folder);
    expect(error).toMatchObject({ name: 'FlotillaError', code: 'FLOTILLA_ERR_ADDON_FOREIGN' });
    expect(error.cause).toBeTruthy();
    expect(error.message).toContain(error.cause);
    expect(error.message).toContain('Remove node_modules and install again');
  });

  it('refuses an addon that is not Flotilla’s', async () => {
    // A real one: the bundler that vitest stands on is an addon, too.
    const bundler = path.join(root, 'node_modules/@rolldown');
    const name = readdirSync(bundler, { recursive: true }).find((file) => String(file).endsWith('.node'));
    const folder = emptyFolder();
    installCopy(folder);
    expect(await load(folder, { env: { FLOTILLA_ADDON: path.join(bundler, String(name)) } })).toMatchObject({
      code: 'FLOTILLA_ERR_ADDON_FOREIGN',
      message: expect.stringContaining('does not say which version of Flotilla it is'),
    });
  });

  it('refuses an addon of another version than the JavaScript', async () => {
    const folder = emptyFolder();
    const copy = installCopy(folder);
    installPlatform(folder, here.id);
    const manifest = JSON.parse(readFileSync(path.join(copy, 'package.json'), 'utf8'));
    const ours = path.join(copy, 'lib/base/loading.js');
    writeFileSync(ours, readFileSync(ours, 'utf8').replace(`'${manifest.version}'`, `'99.1.2'`));
    const error = await load(folder);
    expect(error).toMatchObject({ code: 'FLOTILLA_ERR_ADDON_VERSION', fault: 'system' });
    expect(error.message).toContain(`is version ${manifest.version}, and the JavaScript is 99.1.2`);
  });

  it('refuses a Node.js that is too old, and names the oldest one that will do', async () => {
    const folder = emptyFolder();
    installCopy(folder);
    installPlatform(folder, here.id);
    const before = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.8' } });`;
    const error = await load(folder, { before: before + pretend('version', 'v18.20.8') });
    expect(error).toMatchObject({ code: 'FLOTILLA_ERR_NODE_VERSION', fault: 'system' });
    expect(error.message).toBe(
      'Flotilla needs Node.js 20.3.0 or later; this is v18.20.8. Install a newer Node.js',
    );
  });
});
