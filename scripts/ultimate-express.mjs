/**
 * Installs ultimate-express, once, where tests and benchmarks find it. It is not among the development dependencies:
 * its native part comes from elsewhere than npm, and the stand-in for it is built for some versions of Node alone.
 */

import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { root } from './run.mjs';

const fixture = path.join(root, '__test__/fixtures/ultimate-express');
/** Where it is installed. */
export const ultimateFolder = path.join(root, 'target/ultimate-express');

/** The command of a worker that serves with it, without its id. */
export const ultimateWorker = [path.join(fixture, 'worker.cjs'), ultimateFolder];

/** @returns {string | undefined} why it cannot be had here */
export function installUltimateExpress() {
  if (!existsSync(path.join(ultimateFolder, 'node_modules/ultimate-express/package.json'))) {
    mkdirSync(ultimateFolder, { recursive: true });
    copyFileSync(path.join(fixture, 'package.json'), path.join(ultimateFolder, 'package.json'));
    const quiet = ['--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error'];
    const args = ['install', '--prefix', ultimateFolder, ...quiet];
    const shell = process.platform === 'win32';
    const { status } = spawnSync('npm', args, { shell, stdio: ['ignore', 'ignore', 'inherit'] });
    if (status !== 0) return 'npm could not install ultimate-express';
  }
  const attempt = ['-e', "require('ultimate-express')"];
  const { status, stderr } = spawnSync(process.execPath, attempt, { cwd: ultimateFolder, encoding: 'utf8' });
  if (status === 0) return undefined;
  // The last of its errors has the cause: no build for this Node.js, or one for another C library.
  const causes = stderr.match(/^Error: .*$/gm) ?? [];
  return `uWebSockets cannot be loaded by Node.js ${process.version}: ${causes.at(-1)}`;
}
