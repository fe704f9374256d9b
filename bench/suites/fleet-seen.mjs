// How soon a write on one machine of a fleet is seen on another.

import { setTimeout as pause } from 'node:timers/promises';
import { startFleet } from '../fleet/fleet.mjs';

const WRITES = 200;

/** @param {number[]} times @param {number} share */
const percentile = (times, share) =>
  times.sort((one, other) => one - other)[Math.ceil(times.length * share) - 1];

/** Each of a number of writes, from its beginning until a worker of the other machine reads it. @param {number} share of them */
const seen =
  (share) =>
  async (/** @type {import('../harness/types.d.ts').Context} */ { quick }) => {
    const { machines, close } = await startFleet();
    const [first, second] = machines;
    let written = 0;
    return {
      async round() {
        const times = [];
        for (let count = 0; count < (quick ? 10 : WRITES); count++) {
          const watched = second.ask('watch', ++written);
          await pause(Math.random() * 4);
          times.push(-(await first.ask('write', written)) + (await watched));
        }
        return percentile(times, share);
      },
      close,
    };
  };

/** @type {import('../harness/types.d.ts').Suite} */
export default {
  title: 'A write on one machine of a fleet, seen on another',
  measures:
    'The time from the beginning of a write until the other machine reads what it wrote, of 200 a round, over the loopback of one machine',
  unit: 'ms',
  direction: 'lower is better',
  rounds: 5,
  warmUps: 1,
  contestants: [
    {
      id: 'half',
      label: 'the half of the writes',
      kind: 'round',
      ours: true,
      programs: ['redis-server'],
      prepare: seen(0.5),
    },
    {
      id: 'p99',
      label: '99 of 100 writes',
      kind: 'round',
      ours: true,
      programs: ['redis-server'],
      prepare: seen(0.99),
    },
  ],
  rows: [{ subject: 'p99', bar: 'at most 5' }],
};
