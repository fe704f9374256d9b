// All suites, one after the other. What is wrong with one keeps no other from being measured.

import path from 'node:path';
import { Interrupted } from './measure.mjs';
import { loadSuite, suiteNames } from './suite.mjs';

/** @typedef {import('./types.d.ts').Surroundings} Surroundings */

/** Those that are run: not those which get their figures with another. @param {string} folder */
async function suitesToRun(folder) {
  const names = await suiteNames(folder);
  const suites = await Promise.all(names.map((name) => loadSuite(folder, name)));
  const brought = new Set(suites.flatMap(({ also = {} }) => Object.keys(also)));
  return names.filter((name) => !brought.has(name));
}

/**
 * @param {Surroundings} surroundings
 * @param {(name: string) => Promise<number>} run
 * @returns {Promise<number>} the exit code: the worst of all
 */
export async function runAll({ root, stderr }, run) {
  const names = await suitesToRun(path.join(root, 'bench', 'suites'));
  let worst = 0;
  for (const [index, name] of names.entries()) {
    stderr.write(`bench: ${name}, suite ${index + 1} of ${names.length}\n`);
    const code = await run(name).catch((error) => {
      if (error instanceof Interrupted) throw error;
      stderr.write(`bench: ${name}: ${error instanceof Error ? error.message : String(error)}\n`);
      return 1;
    });
    // Whoever interrupts one has had enough of all.
    if (code === 130) return code;
    worst = Math.max(worst, code);
  }
  return worst;
}
