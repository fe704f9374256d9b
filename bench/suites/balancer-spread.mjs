// How evenly connections are spread over the workers.

import { spread } from '../balancer/visits.mjs';

const CONNECTIONS = 256;

/** @type {import('../harness/types.d.ts').Suite} */
export default {
  title: 'Spread of connections over workers',
  measures: `${CONNECTIONS} connections opened at once, 2 workers: their standard deviation, by their mean`,
  unit: 'of the mean',
  direction: 'lower is better',
  rounds: 9,
  contestants: [
    {
      id: 'handoff',
      label: 'Flotilla, hand-off',
      kind: 'round',
      ours: true,
      prepare: () => spread('handoff', CONNECTIONS),
    },
    {
      id: 'none',
      label: 'node:cluster, SCHED_NONE',
      kind: 'round',
      prepare: () => spread('none', CONNECTIONS),
    },
    {
      id: 'rr',
      label: 'node:cluster, SCHED_RR',
      kind: 'round',
      prepare: () => spread('rr', CONNECTIONS),
    },
  ],
  rows: [{ subject: 'handoff', bar: 'at most 0.10' }, { subject: 'none' }, { subject: 'rr' }],
};
