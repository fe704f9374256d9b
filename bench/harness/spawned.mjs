// Times a whole process, from the request to spawn it until it has ended.

import { spawn } from 'node:child_process';

const MOST_ERROR_TEXT = 2000;

/**
 * @typedef {object} Command
 * @property {string} program
 * @property {string[]} args
 * @property {string} [cwd]
 * @property {NodeJS.ProcessEnv} [env]
 */

/**
 * @param {Command} command
 * @returns {Promise<number>} nanoseconds; rejects when the process fails, for a failed run measures nothing
 */
export function timeProcess({ program, args, cwd, env }) {
  return new Promise((resolve, reject) => {
    const start = process.hrtime.bigint();
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'ignore', 'pipe'] });
    let elapsed = 0;
    let errorText = '';
    child.on('error', reject);
    child.on('exit', () => {
      elapsed = Number(process.hrtime.bigint() - start);
    });
    child.stderr.setEncoding('utf8');
    child.stderr.on('data', (/** @type {string} */ text) => {
      errorText = (errorText + text).slice(-MOST_ERROR_TEXT);
    });
    child.on('close', (code, signal) => {
      if (code === 0) resolve(elapsed);
      else reject(new Error(`the process ended with ${signal ?? `exit code ${code}`}: ${errorText.trim()}`));
    });
  });
}
