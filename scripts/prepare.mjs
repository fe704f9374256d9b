/**
 * Makes a fresh clone ready to run: checks the machine, installs the packages, builds the addon. What is up to
 * date is left alone, so that the second time costs next to nothing.
 */

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { build } from './build.mjs';
import { root, run } from './run.mjs';
import { requireNode, requireRust } from './toolchain.mjs';

/**
 * @param {string} file
 * @returns {Record<string, { version?: string, optional?: boolean, devOptional?: boolean }>}
 */
function lockedPackages(file) {
  try {
    return JSON.parse(readFileSync(path.join(root, file), 'utf8')).packages;
  } catch {
    return {};
  }
}

/** Whether npm has installed what the lockfile asks for; it keeps a list of its own of what it did. */
function packagesInstalled() {
  const installed = lockedPackages('node_modules/.package-lock.json');
  return Object.entries(lockedPackages('package-lock.json')).every(
    ([place, { version, optional, devOptional }]) =>
      place === '' ||
      installed[place]?.version === version ||
      (!installed[place] && (optional || devOptional)),
  );
}

requireNode();
requireRust();
if (!packagesInstalled()) {
  console.error('Installing the packages ...');
  run('npm', ['ci', '--include=dev', '--loglevel=error', '--no-audit', '--no-fund']);
}
build();
