// What becomes of connections that are all with one worker, where they may move.

import { moving } from '../balancer/visits.mjs';

/** @type {import('../harness/types.d.ts').Suite} */
export default {
  title: 'Connections that are all with one worker',
  measures:
    'Requests of 5 ms of work over 8 connections that stay, 2 workers, `rebalance: true`: the second after the first',
  unit: 'requests/s',
  direction: 'higher is better',
  rounds: 7,
  contestants: [
    {
      id: 'together',
      label: 'all 8 with one worker at first',
      kind: 'round',
      ours: true,
      prepare: (context) => moving(true, context),
    },
    {
      id: 'apart',
      label: '4 with each from the beginning',
      kind: 'round',
      prepare: (context) => moving(false, context),
    },
  ],
  rows: [{ subject: 'together', reference: 'apart', bar: 'at least 0.9' }],
};
