import { describe, expect, it } from 'vitest';
import { parseBar } from '../../bench/harness/bars.mjs';
import { unmetBars } from '../../bench/harness/result.mjs';
import { sampleResult } from './sample-result.mjs';

const lower = 'lower is better';
const higher = 'higher is better';
/** @type {(bar?: string) => import('../../bench/harness/types.d.ts').Row[]} */
const ours = (bar) => [{ subject: 'ours', reference: 'theirs', bar }];

describe('a bar', () => {
  it.each(
    /** @type {const} */ ([
      [299, 100, lower, 'at most 3.0', 'met', 2.99],
      [300, 100, lower, 'at most 3.0', 'met', 3],
      [301, 100, lower, 'at most 3.0', 'missed', 3.01],
      [50, 100, lower, 'at least 2x faster', 'met', 2],
      [51, 100, lower, 'at least 2x faster', 'missed', 100 / 51],
      [970, 1000, higher, 'at least 0.97', 'met', 0.97],
      [969, 1000, higher, 'at least 0.97', 'missed', 0.969],
      [2000, 1000, higher, 'at least 2x faster', 'met', 2],
      [1999, 1000, higher, 'at least 2x faster', 'missed', 1.999],
    ]),
  )('judges %d to %d, where %s, against %s: %s', (subject, reference, direction, bar, verdict, value) => {
    const result = sampleResult({
      rounds: { ours: [subject], theirs: [reference] },
      rows: ours(bar),
      direction,
    });
    const shows = bar.endsWith('faster') ? 'ratio of speeds' : 'ratio';
    expect(result.rows[0]).toMatchObject({ value, verdict, shows });
    expect(unmetBars(result)).toHaveLength(verdict === 'met' ? 0 : 1);
  });

  it.each([
    [lower, ['3.0', 'at most', 'at most x', 'at most -1', 'At most 3', 'at most 2x faster', 'at least 2']],
    [higher, ['at most 2']],
  ])('where %s is refused when it is worded otherwise, or rewards the worse side: %j', (direction, texts) => {
    for (const text of texts) expect(() => parseBar(text, direction)).toThrow(TypeError);
  });

  it('is not judged in a quick run, which therefore passes', () => {
    const rounds = { ours: [900], theirs: [100] };
    const result = sampleResult({ rounds, rows: ours('at most 3.0'), quick: true });
    expect(result.rows[0]).toMatchObject({ value: 9, verdict: 'not judged' });
    expect(unmetBars(result)).toEqual([]);
  });

  it.each(['not installed', [0]])('is not judged, and not passed either, against %j', (theirs) => {
    const result = sampleResult({ rounds: { ours: [1], theirs }, rows: ours('at most 3') });
    expect(result.rows[0]).toMatchObject({ value: null, verdict: 'not judged' });
    expect(unmetBars(result)).toHaveLength(1);
  });

  it.each([
    ['at most 10', 'met'],
    ['at most 9', 'missed'],
  ])('of a row without reference judges the figure itself: %s is %s', (bar, verdict) => {
    const rows = [{ subject: 'ours', bar }];
    expect(sampleResult({ rows }).rows[0]).toMatchObject({ value: 10, shows: 'figure', verdict });
  });
});

it('a row shows the ratio of the medians, and the quartiles of the ratios of each round', () => {
  const rounds = { ours: [10, 30, 20], theirs: [10, 10, 40] };
  const { rows } = sampleResult({ rounds, rows: ours() });
  expect(rows[0]).toMatchObject({ value: 2, quartiles: [0.75, 2], verdict: null });
});
