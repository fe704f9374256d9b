// A suite on other versions of Node.js: the command runs again under each, so that all contestants, and every process that
// they start, run on it. What is wrong with one version keeps no other from being measured.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { majorOf, nodeProgram, reference, withNode } from '../../scripts/node-programs.mjs';

const LOADS = `try { require('flotilla').versions } catch (error) { console.error(error.message); process.exit(1) }`;

/** Results of the reference stand in the folder itself, those of another major in a folder there. @param {string} folder */
export function folderOf(folder) {
  const major = majorOf(process.version);
  return major === reference ? folder : path.join(folder, `node-${major}`);
}

/**
 * @param {string[]} versions
 * @param {string[]} args of the command
 * @param {import('./types.d.ts').Surroundings} surroundings
 * @returns {Promise<number>} the exit code: the worst of all
 */
export async function runOnEach(versions, args, { root, stderr }) {
  let worst = 0;
  for (const version of versions) {
    const found = findProgram(version, root);
    if (typeof found !== 'string') stderr.write(`bench: ${found.problem}\n`);
    const code = typeof found === 'string' ? await runUnder(found, args) : 1;
    // Whoever interrupts one has had enough of all.
    if (code === 130) return code;
    worst = Math.max(worst, code);
  }
  return worst;
}

/**
 * @param {string} version
 * @param {string} root
 * @returns {string | { problem: string }}
 */
function findProgram(version, root) {
  if (!/^\d+(\.\d+){0,2}$/.test(version)) {
    return { problem: `'${version}' is no version of Node.js: give its major, such as ${reference}` };
  }
  const program = nodeProgram(version, root);
  if (program === undefined) return { problem: `Node.js ${version} could not be fetched` };
  const { status, stderr, error } = spawnSync(program, ['-e', LOADS], { cwd: root, encoding: 'utf8' });
  const reason = error?.message ?? stderr.trim();
  return status === 0 ? program : { problem: `flotilla does not load in Node.js ${version}: ${reason}` };
}

/**
 * @param {string} program
 * @param {string[]} args
 * @returns {Promise<number>}
 */
async function runUnder(program, args) {
  const command = [/** @type {string} */ (process.argv[1]), ...args];
  const child = spawn(program, command, { stdio: 'inherit', env: withNode(program) });
  // A terminal tells the child of an interrupt, too; it ends in good order, and this after it.
  const wait = () => {};
  const pass = () => child.kill('SIGTERM');
  process.on('SIGINT', wait).on('SIGTERM', pass);
  const [code] = await once(child, 'exit');
  process.off('SIGINT', wait).off('SIGTERM', pass);
  return code ?? 1;
}
