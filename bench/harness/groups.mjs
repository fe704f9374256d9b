// Programs that can be halted, with all that they start: each has a process group of its own.
//
// A group ends with its first process, and with the harness, whatever ends that: what is halted would else stay behind for ever.

import { spawn } from 'node:child_process';

/** The program begins when it is told to; where the harness has ended before, it never does. */
const PROGRAM = 'read -r _ && exec "$@"';
/** Its input ends when the harness does. */
const GUARD = 'read -r _; kill -s KILL -- "-$1"';

/** @param {number} leader the group's first process @param {NodeJS.Signals} signal */
export function signalGroup(leader, signal) {
  try {
    process.kill(-leader, signal);
  } catch (error) {
    // It has ended.
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ESRCH') throw error;
  }
}

/**
 * @param {string} program whose standard input and output are pipes
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 */
export function spawnGroup(program, args, env = process.env) {
  const child = spawn('sh', ['-c', PROGRAM, 'sh', program, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
    env,
  });
  const leader = Number(child.pid);
  const guard = spawn('sh', ['-c', GUARD, 'guard', String(leader)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  child.once('exit', () => {
    signalGroup(leader, 'SIGKILL');
    guard.kill('SIGKILL');
  });
  child.stdin.on('error', () => {}).write('\n');
  return child;
}
