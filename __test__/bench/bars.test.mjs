import { describe, expect, it } from 'vitest';
import { judge, parseBar } from '../../bench/harness/bars.mjs';
import { unmetBars } from '../../bench/harness/result.mjs';
import { sampleResult } from './sample-result.mjs';

/** @typedef {import('../../bench/harness/bars.mjs').Direction} Direction */

/**
 * @param {object} options
 * @param {number} options.ours
 * @param {number} options.theirs
 * @param {Direction} options.direction
 * @param {string} options.bar
 * @param {boolean} [options.quick]
 */
function rowOf({ ours, theirs, direction, bar, quick }) {
  const unit = direction === 'lower is better' ? 'ns' : 'requests/s';
  const rows = [{ subject: 'ours', reference: 'theirs', bar }];
  const result = sampleResult({ rounds: { ours: [ours], theirs: [theirs] }, rows, direction, unit, quick });
  return { row: result.rows[0], unmet: unmetBars(result).length };
}

describe('where lower is better', () => {
  const direction = 'lower is better';

  it.each([
    [299, 'met'],
    [300, 'met'],
    [301, 'missed'],
  ])('%d ns to 100 ns against at most 3.0 is %s', (ours, verdict) => {
    const { row, unmet } = rowOf({ ours, theirs: 100, direction, bar: 'at most 3.0' });
    expect(row).toMatchObject({ value: ours / 100, shows: 'ratio', verdict });
    expect(unmet).toBe(verdict === 'met' ? 0 : 1);
  });

  it.each([
    [50, 'met'],
    [51, 'missed'],
  ])('%d ns to 100 ns against at least 2x faster is %s', (ours, verdict) => {
    const { row } = rowOf({ ours, theirs: 100, direction, bar: 'at least 2x faster' });
    expect(row).toMatchObject({ value: 100 / ours, shows: 'ratio of speeds', verdict });
  });

  it('refuses a bar that more would meet', () => {
    expect(() => parseBar('at least 2', direction)).toThrow(/rewards the worse side/);
  });
});

describe('where higher is better', () => {
  const direction = 'higher is better';

  it.each([
    [970, 'met'],
    [969, 'missed'],
    [2000, 'met'],
  ])('%d requests to 1000 against at least 0.97 is %s', (ours, verdict) => {
    const { row, unmet } = rowOf({ ours, theirs: 1000, direction, bar: 'at least 0.97' });
    expect(row).toMatchObject({ value: ours / 1000, verdict });
    expect(unmet).toBe(verdict === 'met' ? 0 : 1);
  });

  it.each([
    [2000, 'met'],
    [1999, 'missed'],
  ])('%d requests to 1000 against at least 2x faster is %s', (ours, verdict) => {
    expect(rowOf({ ours, theirs: 1000, direction, bar: 'at least 2x faster' }).row).toMatchObject({
      verdict,
    });
  });

  it('refuses a bar that less would meet', () => {
    expect(() => parseBar('at most 2', direction)).toThrow(/rewards the worse side/);
  });
});

describe('a bar', () => {
  it('is refused when it is worded otherwise', () => {
    for (const text of ['3.0', 'at most', 'at most x', 'at most -1', 'At most 3', 'at most 2x faster']) {
      expect(() => parseBar(text, 'lower is better')).toThrow(TypeError);
    }
  });

  it('is not judged in a quick run, which therefore passes', () => {
    const options = /** @type {const} */ ({ direction: 'lower is better', bar: 'at most 3.0' });
    const { row, unmet } = rowOf({ ours: 900, theirs: 100, ...options, quick: true });
    expect(row).toMatchObject({ value: 9, verdict: 'not judged' });
    expect(unmet).toBe(0);
  });

  it('is not judged, and not passed either, when a side was left out', () => {
    const rows = [{ subject: 'ours', reference: 'theirs', bar: 'at most 3' }];
    const result = sampleResult({ rounds: { ours: [1], theirs: 'not installed' }, rows });
    expect(result.rows[0]).toMatchObject({ value: null, verdict: 'not judged' });
    expect(unmetBars(result)).toHaveLength(1);
  });

  it('is not judged against a reference of 0', () => {
    const rows = [{ subject: 'ours', reference: 'theirs', bar: 'at most 3' }];
    const result = sampleResult({ rounds: { ours: [1], theirs: [0] }, rows });
    expect(result.rows[0]).toMatchObject({ value: null, verdict: 'not judged' });
    expect(judge(Number.NaN, parseBar('at most 3', 'lower is better'))).toBe('not judged');
  });

  it('of a row without reference judges the figure itself', () => {
    const rows = [{ subject: 'ours', bar: 'at most 10' }];
    expect(sampleResult({ rows }).rows[0]).toMatchObject({ value: 10, shows: 'figure', verdict: 'met' });
    const stricter = [{ subject: 'ours', bar: 'at most 9' }];
    expect(sampleResult({ rows: stricter }).rows[0]).toMatchObject({ verdict: 'missed' });
  });
});

describe('a row', () => {
  it('shows the ratio of the medians, and the quartiles of the ratios of each round', () => {
    const rounds = { ours: [10, 30, 20], theirs: [10, 10, 40] };
    const rows = [{ subject: 'ours', reference: 'theirs' }];
    const [row] = sampleResult({ rounds, rows }).rows;
    expect(row?.value).toBe(2);
    expect(row?.quartiles).toEqual([0.75, 2]);
    expect(row?.verdict).toBeNull();
  });
});
