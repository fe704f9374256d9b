/**
 * Installs, once, what the example programs of the frameworks need, where tests find them. Those packages are not among the
 * development dependencies: no other test and no code uses them.
 */

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { root } from './run.mjs';

const fixtures = path.join(root, '__test__/fixtures/apps');
/** Where they are installed. */
export const appsFolder = path.join(root, 'target/apps');

/** @param {string} file */
const textOf = (file) => (existsSync(file) ? readFileSync(file, 'utf8') : '');

/** @returns {string | undefined} why they cannot be had here */
export function installApps() {
  mkdirSync(appsFolder, { recursive: true });
  const [wanted, there] = [fixtures, appsFolder].map((folder) => textOf(path.join(folder, 'package.json')));
  const isThere = wanted === there && existsSync(path.join(appsFolder, 'node_modules/.package-lock.json'));
  cpSync(fixtures, appsFolder, { recursive: true });
  if (isThere) return undefined;
  const quiet = ['--no-package-lock', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'];
  const shell = process.platform === 'win32';
  const { status } = spawnSync('npm', ['install', '--prefix', appsFolder, ...quiet], {
    shell,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return status === 0 ? undefined : 'npm could not install the frameworks';
}
