// Two servers of node:http, a proxy before them, and wrk before that.

import { fileURLToPath } from 'node:url';
import { sliced } from '../balancer/contestants.mjs';
import { startBehind, startNode, startProgram } from '../balancer/programs.mjs';

/** @param {number[]} workers their ports */
export function startFlotilla(workers) {
  return startNode([fileURLToPath(new URL('front.cjs', import.meta.url)), ...workers.map(String)]);
}

/**
 * A contestant's field: two workers and a front of its own.
 *
 * @param {(workers: number[]) => Promise<import('../balancer/programs.mjs').Running>} startFront
 * @param {boolean} short
 */
export function field(startFront, short) {
  const start = () => startBehind(() => startProgram('alone', 'http'), startFront);
  return (/** @type {import('../harness/types.d.ts').Context} */ { quick }) =>
    sliced(start, { short }, quick);
}
