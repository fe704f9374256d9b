// A result as a run would write it, with figures made by hand.

import { buildResult } from '../../bench/harness/result.mjs';

/** @typedef {import('../../bench/harness/types.d.ts').Contestant} Contestant */
/** @typedef {import('../../bench/harness/types.d.ts').Row} Row */

/**
 * @param {object} [options]
 * @param {Record<string, number[] | string>} [options.rounds] figures, or why it was left out, by contestant
 * @param {Row[]} [options.rows]
 * @param {import('../../bench/harness/types.d.ts').Direction} [options.direction]
 * @param {string} [options.unit]
 * @param {string} [options.title]
 * @param {boolean} [options.quick]
 * @param {string} [options.node]
 * @param {'round' | 'sliced'} [options.kind] of the contestants
 * @returns {import('../../bench/harness/types.d.ts').Result}
 */
export function sampleResult({
  rounds = { ours: [9, 10, 11], theirs: [20, 19, 22] },
  rows = [],
  direction = 'lower is better',
  unit = 'µs',
  title = 'A sample',
  quick = false,
  node = 'v20.20.2',
  kind = 'round',
} = {}) {
  const measured = Object.entries(rounds).map(([id, given]) => {
    const contestant = /** @type {Contestant} */ ({
      id,
      label: `the ${id}`,
      kind,
      ours: id === 'ours',
      prepare: () => ({ round: () => 0 }),
    });
    return typeof given === 'string'
      ? { contestant, packages: {}, leftOut: given, rounds: [] }
      : { contestant, packages: {}, rounds: given };
  });
  const contestants = measured.map(({ contestant }) => contestant);
  const suite = { title, measures: 'Made by hand', unit, direction, contestants, rows };
  const machine = {
    cpu: 'A processor',
    cores: 2,
    memoryGiB: 8,
    platform: 'linux x64',
    node,
    loadAtStart: 0.1,
  };
  return buildResult('sample', suite, measured, {
    quick,
    only: null,
    date: '2026-01-02T03:04:05.678Z',
    commit: '0123456789abcdef',
    changed: false,
    machine,
  });
}
