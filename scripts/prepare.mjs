/**
 * Makes a fresh clone ready to run: checks the machine, installs the packages, builds the addon. What is up to
 * date is left alone, so that the second time costs next to nothing.
 */

import { rmSync } from 'node:fs';
import path from 'node:path';
import { build } from './build.mjs';
import { root, run } from './run.mjs';
import { fingerprint, onceFor } from './stamp.mjs';
import { requireNode, requireRust } from './toolchain.mjs';

requireNode();
requireRust();
onceFor('node_modules/.flotilla-installed', fingerprint(['package-lock.json'], [process.arch]), () => {
  console.error('Installing the packages ...');
  rmSync(path.join(root, 'node_modules/.flotilla-installed'), { force: true });
  run('npm', ['ci', '--loglevel=error', '--no-audit', '--no-fund']);
});
build();
