// Two servers of node:http, a proxy before them, and wrk before that.

import { fileURLToPath } from 'node:url';
import { startBehind, startNode, startProgram } from '../balancer/programs.mjs';
import { load } from '../balancer/wrk.mjs';

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
  return async (/** @type {import('../harness/types.d.ts').Context} */ { milliseconds }) => {
    const { port, close } = await startBehind(() => startProgram('alone', 'http'), startFront);
    return {
      round: async () => (await load(port, { milliseconds: Math.max(milliseconds, 200), short })).perSecond,
      close,
    };
  };
}
