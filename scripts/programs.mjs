/**
 * The programs that tests need and npm cannot bring. Where this machine is Debian’s and we are root, they are
 * installed; elsewhere the test that misses one fails, and says what to install.
 */

import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { output, run } from './run.mjs';

/** By the name of the Debian package: the names under which the program may be there already. */
const wanted = {
  chromium: ['chromium', 'chromium-browser', 'google-chrome'],
  haproxy: ['haproxy'],
  'redis-server': ['redis-server'],
  strace: ['strace'],
  wrk: ['wrk'],
};

/** @param {string} name */
export function isOnPath(name) {
  return (process.env.PATH ?? '').split(path.delimiter).some((folder) => {
    try {
      accessSync(path.join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export function installPrograms() {
  const missing = Object.entries(wanted)
    .filter(([, names]) => !names.some(isOnPath))
    .map(([name]) => name);
  if (missing.length === 0 || process.getuid?.() !== 0 || !output('apt-get', ['--version'])) return;
  console.error(`Installing what tests need from Debian: ${missing.join(', ')} ...`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  run('apt-get', ['update', '-qq'], { env });
  run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], { env });
}
