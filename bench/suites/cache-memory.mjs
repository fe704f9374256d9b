// Whether the memory of the values grows with the workers that read them.

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../cache/memory-run.mjs', import.meta.url));

/** @param {number} count */
const workers = (count) => () => ({
  round: () => Number(execFileSync(process.execPath, [program, String(count)], { encoding: 'utf8' })) / 1e6,
});

const absent = () =>
  process.platform === 'linux' ? undefined : 'shares of memory are read as Linux shows them';

/** @type {import('../harness/types.d.ts').Suite} */
export default {
  title: 'Memory of shared values',
  measures:
    'Memory of the segment with 100 MB of values, in the primary and all workers together (proportional set size)',
  unit: 'MB',
  direction: 'lower is better',
  rounds: 5,
  contestants: [
    { id: 'one', label: 'one worker', kind: 'round', ours: true, absent, prepare: workers(1) },
    { id: 'four', label: 'four workers', kind: 'round', ours: true, absent, prepare: workers(4) },
  ],
  rows: [{ subject: 'four', reference: 'one', bar: 'at most 1.1' }],
};
