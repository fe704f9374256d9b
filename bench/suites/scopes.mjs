// Per-request scopes: what one request costs, and what a fork costs when each one evicts another.

import { inChild } from '../baselines/child.mjs';

const calls = new URL('../baselines/scope-calls.mjs', import.meta.url).href;

/**
 * @param {string} id
 * @param {string} label
 * @param {string} name of the function in scope-calls.mjs
 * @param {Partial<import('../harness/types.d.ts').RoundContestant>} [more]
 * @returns {import('../harness/types.d.ts').RoundContestant}
 */
const contestant = (id, label, name, more) => ({
  id,
  label,
  kind: 'round',
  prepare: inChild(calls, name),
  ...more,
});

/** @type {import('../harness/types.d.ts').Suite} */
export default {
  title: 'Per-request scopes',
  measures:
    'Time of one request’s cycle (fork, set, get, serialize, dispose), and of one fork at capacity, which evicts a scope; each in a process of its own',
  unit: 'ns',
  direction: 'lower is better',
  milliseconds: 250,
  contestants: [
    contestant('cycle', 'flotilla, the cycle', 'flotillaCycle', { ours: true }),
    contestant('cycle-map', 'Map and linked list in JavaScript, the cycle', 'mapCycle'),
    contestant('cycle-effector', 'effector, fork with values, getState, serialize', 'effectorCycle', {
      packages: ['effector'],
    }),
    contestant('cycle-jotai', 'jotai, a store with set and get', 'jotaiCycle', { packages: ['jotai'] }),
    contestant('fork-1k', 'flotilla, fork at capacity 1,000', 'flotillaFew', { ours: true }),
    contestant('fork-1k-map', 'Map and linked list, fork at capacity 1,000', 'mapFew'),
    contestant('fork-1m', 'flotilla, fork at capacity 1,000,000', 'flotillaMany', { ours: true }),
    contestant('fork-1m-map', 'Map and linked list, fork at capacity 1,000,000', 'mapMany'),
  ],
  rows: [
    { subject: 'cycle', reference: 'cycle-map', bar: 'at least 0.8x faster' },
    { subject: 'cycle', reference: 'cycle-effector', bar: 'at least 10x faster' },
    { subject: 'cycle', reference: 'cycle-jotai', bar: 'at least 8x faster' },
    { subject: 'fork-1k', reference: 'fork-1k-map', bar: 'at least 1.2x faster' },
    { subject: 'fork-1m', reference: 'fork-1k', bar: 'at most 1.5' },
    { subject: 'fork-1m', reference: 'fork-1m-map' },
  ],
};
