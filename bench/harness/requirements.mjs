// What a contestant needs from outside: packages and programs. One that lacks something is left out of the
// run, and every report says so and why.

import { access, constants, readFile } from 'node:fs/promises';
import path from 'node:path';

/**
 * The version of a package as `node_modules` holds it, looked for from `folder` upwards.
 *
 * @param {string} name
 * @param {string} folder
 * @returns {Promise<string | undefined>} undefined when it is not installed
 */
export async function installedVersion(name, folder) {
  for (let place = path.resolve(folder); ; place = path.dirname(place)) {
    try {
      const manifest = await readFile(path.join(place, 'node_modules', name, 'package.json'), 'utf8');
      return String(JSON.parse(manifest).version);
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ENOENT') throw error;
    }
    if (place === path.dirname(place)) return undefined;
  }
}

/**
 * @param {string} name
 * @returns {Promise<boolean>} whether a program of that name is on the PATH
 */
export async function hasProgram(name) {
  const endings = process.platform === 'win32' ? ['.exe', '.cmd', '.bat'] : [''];
  for (const folder of (process.env.PATH ?? '').split(path.delimiter)) {
    for (const ending of endings) {
      const found = await access(path.join(folder, name + ending), constants.X_OK).then(
        () => true,
        () => false,
      );
      if (found && folder !== '') return true;
    }
  }
  return false;
}

/**
 * @param {import('./suite.mjs').Contestant} contestant
 * @param {string} root the folder from which its packages are looked for
 * @returns {Promise<{ leftOut?: string, packages: Record<string, string> }>}
 */
export async function checkRequirements(contestant, root) {
  /** @type {Record<string, string>} */
  const packages = {};
  for (const name of contestant.packages ?? []) {
    const version = await installedVersion(name, root);
    if (version === undefined) return { leftOut: `the package ${name} is not installed`, packages };
    packages[name] = version;
  }
  for (const name of contestant.programs ?? []) {
    if (!(await hasProgram(name))) return { leftOut: `the program ${name} is not on the PATH`, packages };
  }
  const reason = await contestant.absent?.();
  return reason === undefined ? { packages } : { leftOut: reason, packages };
}
