/** `npm run lint`: everything that can be said of the code without running it. */

import { fileURLToPath } from 'node:url';
import { bin, runs } from './run.mjs';

const clippy = ['clippy', '--all-targets', '--quiet'];
const strict = ['--', '-D', 'warnings'];
const script = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));

/** @type {[name: string, program: string, args: string[]][]} */
const checks = [
  ['rustfmt', 'cargo', ['fmt', '--check']],
  ['clippy, without Node', 'cargo', [...clippy, ...strict]],
  ['clippy, the whole addon', 'cargo', [...clippy, '--all-features', ...strict]],
  ['biome', bin('biome'), ['ci', '--colors=off', '.']],
  ['the JavaScript against its contract', bin('tsc'), ['--project', '.']],
  ['generated files', process.execPath, [script('generate.mjs'), '--check']],
  [
    'charts and measured tables',
    process.execPath,
    [script('../bench/run.mjs'), '--charts', '--tables', '--check'],
  ],
  ['workflows', process.execPath, [script('workflows.mjs')]],
];

const failed = checks.filter(([name, program, args]) => {
  console.log(`lint: ${name}`);
  return !runs(program, args);
});
for (const [name] of failed) console.error(`Failed: ${name}`);
process.exitCode = failed.length === 0 ? 0 : 1;
