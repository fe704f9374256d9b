// One core for processes that take turns: the cores of a shared machine are fast and slow each at its own times.

import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';

const LAST = cpus().length - 1;

/**
 * Keeps the main thread of a process on the last core. A system that cannot do that lets it run anywhere.
 *
 * @param {number} pid
 */
export function keepOnOneCore(pid) {
  spawnSync('taskset', ['-p', '-c', String(LAST), String(pid)], { stdio: 'ignore' });
}
