// How long clients wait, by percentiles: a median says nothing of the one visitor in a hundred.

import { ways } from '../balancer/contestants.mjs';
import { percentilesOf } from '../balancer/wrk.mjs';

/** @typedef {import('../balancer/wrk.mjs').Percentiles} Percentiles */
/** @typedef {import('../harness/types.d.ts').Suite} Suite */

const compared = ['handoff', 'proxy', 'none', 'rr', 'haproxy', 'pipe-proxy'];
/** Few enough that the workers are not always busy: what is measured is the way, and not a queue. */
const CONNECTIONS = 8;

const contestants = compared.map((id) => {
  const { label, ours, programs = [], start } = /** @type {NonNullable<typeof ways[string]>} */ (ways[id]);
  return /** @type {import('../harness/types.d.ts').Contestant} */ ({
    id,
    label,
    kind: 'round',
    ours,
    programs: ['wrk', ...programs],
    async prepare({ milliseconds }) {
      const { port, close } = await start('express');
      const round = () =>
        percentilesOf(port, { milliseconds: Math.max(milliseconds, 200), connections: CONNECTIONS });
      return { round, close };
    },
  });
});

/** @param {keyof Percentiles} percentile @param {string} name @returns {Suite} */
const suite = (percentile, name) => ({
  title: `What a client waits: ${name}`,
  measures: `Hello world by Express, 2 workers, ${CONNECTIONS} connections of wrk that stay, which shares the two cores with what it loads`,
  unit: 'ms',
  direction: 'lower is better',
  rounds: 9,
  milliseconds: 1000,
  contestants,
  figure: (/** @type {Percentiles} */ figures) => figures[percentile],
  rows: ['none', 'rr', 'haproxy', 'pipe-proxy'].map((reference) => ({ subject: 'handoff', reference })),
});

export const p50 = suite('p50', 'the median');
export const p999 = suite('p999', 'the 99.9th percentile');
/** @type {Suite} */
const p99 = {
  ...suite('p99', 'the 99th percentile'),
  also: { 'balancer-latency-p50': p50, 'balancer-latency-p999': p999 },
};
export default p99;
