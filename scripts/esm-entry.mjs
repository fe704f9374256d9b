/**
 * Draws the ES module of an entry point from its CommonJS module: the same names, taken from the one instance of the
 * library that both share.
 */

import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(import.meta.url);

/** @param {string} file the CommonJS module, from the repository's root */
export function esmEntry(file) {
  const { default: main, __esModule, ...named } = require(`../${file}`);
  const names = Object.keys(named).sort();
  const lines = names.map((name) => `  ${name},\n`).join('');
  const defaultLine = main === undefined ? '' : '\nexport default entry.default;\n';
  return `// Generated from ${path.basename(file)} by "npm run generate".

import entry from './${path.basename(file)}';

export const {
${lines}} = entry;
${defaultLine}`;
}
