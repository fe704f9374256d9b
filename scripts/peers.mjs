/**
 * Installs packages that tests plug Flotilla into, once, each list of them under `target/peers`. They are not among the
 * development dependencies: they are many, some in several versions, and nothing but those tests needs them.
 */

import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { copyPackage } from './copy-package.mjs';
import { root } from './run.mjs';

const installed = path.join(root, 'target/peers');
const quiet = ['--no-package-lock', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'];

/** @param {string} file */
const textOf = (file) => (existsSync(file) ? readFileSync(file, 'utf8') : undefined);

/** Takes the lock, unless a process has it that is still there. @param {string} lock */
function locked(lock) {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    try {
      process.kill(Number(textOf(lock)), 0);
    } catch {
      rmSync(lock, { force: true });
    }
    return false;
  }
}

/** Whole or not at all: they are installed elsewhere, and then moved. @param {string} manifest @param {string} folder */
function install(manifest, folder) {
  const made = mkdtempSync(path.join(installed, 'made-'));
  copyFileSync(manifest, path.join(made, 'package.json'));
  const { status } = spawnSync('npm', ['install', '--prefix', made, ...quiet], {
    shell: process.platform === 'win32',
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) throw new Error(`npm could not install what ${manifest} lists`);
  rmSync(folder, { recursive: true, force: true });
  renameSync(made, folder);
}

/**
 * @param {string} name of a folder of `__test__/fixtures` that has a `package.json`
 * @returns {Promise<string>} where its packages are installed
 */
export async function installPeers(name) {
  const manifest = path.join(root, '__test__/fixtures', name, 'package.json');
  const folder = path.join(installed, name);
  const lock = `${folder}.lock`;
  mkdirSync(installed, { recursive: true });
  while (textOf(path.join(folder, 'package.json')) !== textOf(manifest)) {
    if (!locked(lock)) {
      // Another test file installs them.
      await pause(100);
      continue;
    }
    try {
      install(manifest, folder);
    } finally {
      rmSync(lock, { force: true });
    }
  }
  return folder;
}

/**
 * A folder’s `node_modules` with a copy of the package, and with some of the packages that are installed.
 *
 * @param {string} folder
 * @param {(string | [name: string, listed: string])[]} names
 * @param {string} list which they stand in, some by other names
 */
export async function plugInto(folder, names, list) {
  const modules = path.join(await installPeers(list), 'node_modules');
  copyPackage(folder);
  for (const [name, listed] of names.map((wanted) => [wanted, wanted].flat().slice(-2))) {
    const place = path.join(folder, 'node_modules', name);
    mkdirSync(path.dirname(place), { recursive: true });
    symlinkSync(path.join(modules, listed), place, 'junction');
  }
}
