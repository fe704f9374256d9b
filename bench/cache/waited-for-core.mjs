// What the scheduler has kept the main thread of this process waiting for a core.

import { openSync, readSync } from 'node:fs';

const statistics = Buffer.alloc(64);
/** @type {number | undefined} */
let file;

/** For how many milliseconds it could have run, and the scheduler had others run. */
export function waitedForCore() {
  file ??= openSync('/proc/self/schedstat', 'r');
  const text = statistics.toString('latin1', 0, readSync(file, statistics, 0, statistics.length, 0));
  return Number(text.split(' ')[1]) / 1e6;
}
