/**
 * Draws the ESM side of a door from its CommonJS side: the same names, taken from the one instance of the
 * library that both share.
 */

import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(import.meta.url);

/** @param {string} file the door's CommonJS file, from the repository's root */
export function esmDoor(file) {
  const { default: main, __esModule, ...named } = require(`../${file}`);
  const names = Object.keys(named).sort();
  const lines = names.map((name) => `  ${name},\n`).join('');
  const defaultLine = main === undefined ? '' : '\nexport default door.default;\n';
  return `// Generated from ${path.basename(file)} by "npm run generate".

import door from './${path.basename(file)}';

export const {
${lines}} = door;
${defaultLine}`;
}
