// What a worker that is blocked for 300 ms of every second costs those that are not.

import { besideBlocked } from '../balancer/visits.mjs';

/** @typedef {import('../balancer/visits.mjs').Visit} Visit */

/** @param {number[]} numbers */
function p99(numbers) {
  numbers.sort((a, b) => a - b);
  return numbers[Math.floor(numbers.length * 0.99)] ?? Number.NaN;
}

/** @param {Visit[]} visits @param {number} worker */
const others = (visits, worker) => p99(visits.filter(({ pid }) => pid !== worker).map(({ took }) => took));
/** @param {Visit[]} visits */
const longestWait = (visits) => Math.max(...visits.map(({ waited }) => waited));

/** @type {import('../harness/types.d.ts').Suite} */
export default {
  title: 'Beside a worker that is blocked',
  measures:
    'A connection a request, about 150 a second, 2 workers, of which one is blocked for 300 ms of every second',
  unit: 'ms',
  direction: 'lower is better',
  rounds: 7,
  milliseconds: 4000,
  contestants: [
    {
      id: 'beside-blocked',
      label: 'p99 of the other worker, from when it has the connection',
      kind: 'round',
      ours: true,
      prepare: (context) => besideBlocked(true, others, context),
    },
    {
      id: 'beside-free',
      label: 'the same where none is blocked',
      kind: 'round',
      prepare: (context) => besideBlocked(false, others, context),
    },
    {
      id: 'longest-wait',
      label: 'the longest wait of a connection for a worker',
      kind: 'round',
      ours: true,
      prepare: (context) => besideBlocked(true, longestWait, context),
    },
  ],
  rows: [
    { subject: 'beside-blocked', reference: 'beside-free', bar: 'at most 1.2' },
    { subject: 'longest-wait', bar: 'at most 20' },
  ],
};
