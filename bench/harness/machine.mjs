// What a reader must know about where a figure was taken. No host name, no user, no path: the results are
// committed.

import { execFile } from 'node:child_process';
import os from 'node:os';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * @typedef {object} Machine
 * @property {string} cpu the model, as the system names it
 * @property {number} cores those that Node may use
 * @property {number} memoryGiB
 * @property {string} platform
 * @property {string} node
 * @property {number} loadAtStart the load average of the minute before: above 0 the machine had other work
 */

/**
 * @typedef {object} Revision
 * @property {string | null} commit null outside a repository, or before its first commit
 * @property {boolean} changed whether files other than documents and results differed from the commit
 */

/** @returns {Machine} */
export function describeMachine() {
  return {
    cpu: (os.cpus()[0]?.model ?? 'unknown').replace(/\s+/g, ' ').trim(),
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    loadAtStart: Math.round((os.loadavg()[0] ?? 0) * 100) / 100,
  };
}

/**
 * @param {string} root
 * @returns {Promise<Revision>}
 */
export async function describeRevision(root) {
  try {
    const { stdout: commit } = await run('git', ['rev-parse', '--verify', 'HEAD'], { cwd: root });
    const paths = ['.', ':!*.md', ':!bench/results'];
    const { stdout: changes } = await run('git', ['status', '--porcelain', '--', ...paths], { cwd: root });
    return { commit: commit.trim(), changed: changes.trim() !== '' };
  } catch {
    return { commit: null, changed: true };
  }
}
