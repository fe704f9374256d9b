// What processes have used of the processors, as Linux counts it for each of their threads.

import { readdirSync, readFileSync } from 'node:fs';

/** @param {string} file */
function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // A process or thread that has just ended.
    return '';
  }
}

/** @param {number} pid */
function parentOf(pid) {
  const line = read(`/proc/${pid}/stat`);
  // The name may hold anything but the last parenthesis.
  return Number(line.slice(line.lastIndexOf(')') + 2).split(' ')[1]);
}

/**
 * These processes, and all that they have started.
 *
 * @param {number[]} pids
 */
export function family(pids) {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [Number(name), parentOf(Number(name))]);
  const found = new Set(pids);
  let size = 0;
  while (size < found.size) {
    size = found.size;
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid);
  }
  return [...found];
}

/** @param {number} pid */
function threads(pid) {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/**
 * @param {number[]} pids
 * @returns {number} microseconds that these processes have run
 */
export function cpuTime(pids) {
  let nanoseconds = 0;
  for (const pid of pids) {
    for (const thread of threads(pid)) {
      nanoseconds += Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0] || 0);
    }
  }
  return nanoseconds / 1000;
}
