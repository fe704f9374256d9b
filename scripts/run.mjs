/** How the scripts run other programs: in the repository's root, with their output shown, and never past a failure. */

import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * @param {string} message
 * @returns {never}
 */
export function fail(message) {
  console.error(`\n${message}\n`);
  process.exit(1);
}

/** @param {string} name a program of a development dependency */
export const bin = (name) => path.join(root, 'node_modules', '.bin', name);

/**
 * Runs a program and shows what it prints.
 *
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {boolean} whether it ended well
 */
export function runs(program, args, { cwd = root, env = process.env } = {}) {
  // Windows starts npm and everything in .bin through a command file, which needs its shell.
  const shell = process.platform === 'win32' && program !== process.execPath;
  const { status, error } = spawnSync(program, args, { cwd, env, shell, stdio: 'inherit' });
  if (error) console.error(`${program}: ${error.message}`);
  return status === 0;
}

/**
 * The same, for a program without which there is no going on.
 *
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 */
export function run(program, args, options) {
  if (!runs(program, args, options)) fail(`Failed: ${path.basename(program)} ${args.join(' ')}`);
}

/**
 * @param {string} program
 * @param {string[]} args
 * @returns {string | undefined} what it prints, or nothing when it cannot be run
 */
export function output(program, args, cwd = root) {
  const { status, stdout } = spawnSync(program, args, { cwd, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}
