// Several workers at one cache at once, and a worker whose primary has no time for anything.

import { measuringWorker } from '../cache/cluster.mjs';

/** @typedef {import('../harness/types.d.ts').Context} Context */

/** @param {number[]} figures nanoseconds a call, of each worker */
const total = (figures) => figures.reduce((sum, figure) => sum + 1e9 / figure, 0);

/**
 * @param {number} count of workers
 * @param {{ blocked?: boolean }} [options]
 */
function workers(count, { blocked = false } = {}) {
  return async (/** @type {Context} */ { milliseconds }) => {
    const all = await Promise.all(Array.from({ length: count }, () => measuringWorker('hot', milliseconds)));
    return {
      round: async () =>
        total(await Promise.all(all.map((worker) => (blocked ? worker.blockedRound() : worker.round())))),
      close: () => Promise.all(all.map((worker) => worker.close())),
    };
  };
}

/** @type {import('../harness/types.d.ts').Suite} */
export default {
  title: 'Workers at one cache',
  measures: 'Calls of sync.get a second, all workers together, of one 28-byte string under one key',
  unit: 'calls/s',
  direction: 'higher is better',
  contestants: [
    { id: 'one', label: 'one worker', kind: 'round', ours: true, prepare: workers(1) },
    { id: 'two', label: 'two workers', kind: 'round', ours: true, prepare: workers(2) },
    {
      id: 'blocked',
      label: 'one worker, the primary’s loop blocked',
      kind: 'round',
      ours: true,
      prepare: workers(1, { blocked: true }),
    },
  ],
  rows: [
    { subject: 'two', reference: 'one', bar: 'at least 1.7' },
    { subject: 'blocked', reference: 'one', bar: 'at least 0.95' },
  ],
};
