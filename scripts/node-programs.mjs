/**
 * Node.js of other versions than the one that runs this. The npm package `node` brings each; what is fetched once is kept
 * in `target/`.
 */

import { existsSync } from 'node:fs';
import path from 'node:path';
import { fail, output, root, runs } from './run.mjs';
import { vitest } from './vitest.mjs';

/** The majors that Flotilla supports, the oldest first. */
export const supported = ['20', '22', '24', '26'];
/** Those that are measured: of the oldest, which is at its end of life, nobody wants figures. */
export const measuredOn = '22,24,26';
/** The major whose figures the documents show. */
export const reference = '24';

/** @param {string} version of Node.js */
export const majorOf = (version) => /** @type {string} */ (version.replace(/^v/, '').split('.', 1)[0]);

/**
 * @param {string} version a major, or more of it
 * @param {string} [folder] that holds `target/`
 * @returns {string | undefined} its program, or nothing where it cannot be fetched; npm has said why
 */
export function nodeProgram(version, folder = root) {
  const prefix = path.join(folder, 'target', `node-${version}`);
  const program = path.join(prefix, 'node_modules/node/bin/node');
  const args = ['install', '--prefix', prefix, '--no-save', '--no-package-lock', '--loglevel=error'];
  if (!existsSync(program)) runs('npm', [...args, `node@${version}`]);
  return existsSync(program) ? program : undefined;
}

/**
 * The same environment with another Node.js in front, for the processes that are started by name.
 *
 * @param {string} program
 */
export function withNode(program) {
  return { ...process.env, PATH: `${path.dirname(program)}${path.delimiter}${process.env.PATH}` };
}

/**
 * Runs tests on one of the majors.
 *
 * @param {string} major
 * @param {string[]} args of vitest
 * @param {NodeJS.ProcessEnv} [more] of the environment
 */
export function testOn(major, args, more = {}) {
  const isThis = major === majorOf(process.version);
  const program = isThis ? process.execPath : nodeProgram(major);
  if (program === undefined) fail(`Node.js ${major} could not be fetched.`);
  console.log(`Node.js ${output(program, ['--version'])}`);
  const options = ['--typecheck.enabled=false', '--reporter=dot'];
  const { failed } = vitest([...options, ...args], { program, env: { ...withNode(program), ...more } });
  if (failed > 0) fail(`Failed on Node.js ${major}.`);
}
