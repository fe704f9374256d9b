/**
 * Completes `package-lock.json` with the platform packages that npm leaves out.
 *
 * npm writes an optional dependency into the lock only if it could see the package while it resolved: never
 * the ones of this project before their first release, and not those of a tool that its registry does not
 * carry for every platform. `npm ci` then calls the lock out of sync. An entry with a version, and the
 * platform it is for, is all it takes; npm keeps such entries from then on.
 */

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { root } from './run.mjs';

/** @typedef {{ version?: string, optional?: boolean, dev?: boolean, os?: string[], cpu?: string[], libc?: string[], optionalDependencies?: Record<string, string> }} LockEntry */

const systems = ['linux', 'darwin', 'win32', 'android', 'freebsd', 'openharmony'];
const processors = ['x64', 'arm64', 'arm', 'ia32', 'ppc64', 'riscv64', 's390x', 'wasm32'];

/**
 * What a platform package's name says of where it can be installed.
 *
 * @param {string} name such as `flotilla-linux-x64-musl`
 */
export function platformOf(name) {
  const words = name.split(/[/-]/);
  /** @param {string[]} known */
  const among = (known) => known.filter((word) => words.includes(word));
  const [os, cpu] = [among(systems), among(processors)];
  if (os.length !== 1 || cpu.length !== 1) return undefined;
  if (os[0] !== 'linux') return { os, cpu };
  return { os, cpu, libc: [words.includes('musl') ? 'musl' : 'glibc'] };
}

/**
 * @param {Record<string, LockEntry>} packages
 * @returns {Record<string, LockEntry>}
 */
function missingEntries(packages) {
  /** @type {Record<string, LockEntry>} */
  const missing = {};
  for (const { dev, optionalDependencies = {} } of Object.values(packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      const place = `node_modules/${name}`;
      const platform = platformOf(name);
      if (packages[place] || !platform || !/^\d/.test(version)) continue;
      missing[place] = { version, ...platform, ...(dev && { dev }), optional: true };
    }
  }
  return missing;
}

/**
 * The lock as it should be: in step with the manifest, and whole.
 *
 * @param {{ version: string, optionalDependencies: Record<string, string> }} manifest
 */
export function completeLock({ version, optionalDependencies }) {
  const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8'));
  const { packages } = lock;
  lock.version = version;
  Object.assign(packages[''], { version, optionalDependencies });
  for (const [name, wanted] of Object.entries(optionalDependencies)) {
    const entry = packages[`node_modules/${name}`];
    if (entry) entry.version = wanted;
  }
  Object.assign(packages, missingEntries(packages));
  const { '': self, ...others } = packages;
  const sorted = Object.entries(others).sort(([a], [b]) => a.localeCompare(b, 'en'));
  return `${JSON.stringify({ ...lock, packages: { '': self, ...Object.fromEntries(sorted) } }, null, 2)}\n`;
}
