// How requests a second grow with workers: up to the cores of the machine, which the load generator shares.

import { ways } from '../balancer/contestants.mjs';
import { load } from '../balancer/wrk.mjs';

const counts = [1, 2, 4, 8];
const compared = ['handoff', 'none'];

/** @type {import('../harness/types.d.ts').Suite} */
export default {
  title: 'Workers',
  measures: 'Hello world by Express, 64 connections of wrk, which shares the cores with what it loads',
  unit: 'requests/s',
  direction: 'higher is better',
  rounds: 7,
  milliseconds: 800,
  contestants: compared.flatMap((way) =>
    counts.map((workers) => {
      const { label, ours, start } = /** @type {NonNullable<typeof ways[string]>} */ (ways[way]);
      return {
        id: `${way}-${workers}`,
        label: `${label}: ${workers === 1 ? 'a worker' : `${workers} workers`}`,
        kind: 'round',
        ours,
        programs: ['wrk'],
        async prepare({ milliseconds }) {
          const { port, close } = await start('express', { workers });
          const round = async () =>
            (await load(port, { milliseconds: Math.max(milliseconds, 200) })).perSecond;
          return { round, close };
        },
      };
    }),
  ),
  rows: [
    ...counts.map((count) => ({ subject: `handoff-${count}`, reference: `none-${count}` })),
    ...counts.slice(1).map((count) => ({ subject: `handoff-${count}`, reference: 'handoff-1' })),
  ],
};
