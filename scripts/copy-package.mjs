/** The package in another folder, for tests and benchmarks that use it as its users do. */

import { cpSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Puts a copy of the package into a folder’s `node_modules`, as its tarball would, and without any addon.
 *
 * @param {string} folder
 * @returns {string} where the copy lies
 */
export function copyPackage(folder) {
  const copy = path.join(folder, 'node_modules/flotilla');
  mkdirSync(copy, { recursive: true });
  for (const part of ['package.json', 'index.js', 'index.mjs', 'lib']) {
    cpSync(path.join(root, part), path.join(copy, part), {
      recursive: true,
      filter: (source) => !source.endsWith('.node'),
    });
  }
  return copy;
}
