import { describe, expect, it } from 'vitest';
import { chooseScale, drawChart, escapeText } from '../../bench/harness/chart.mjs';
import { formatFigure } from '../../bench/harness/figures.mjs';
import { sampleResult } from './sample-result.mjs';

/**
 * @param {string} chart
 * @returns {number[]} the lengths of the bars, in order
 */
function barLengths(chart) {
  return [...chart.matchAll(/<rect class="(?:ours|other)"[^>]* width="([\d.]+)"/g)].map((match) =>
    Number(match[1]),
  );
}

describe('a chart', () => {
  it('is the same, byte for byte, for the same result', () => {
    const result = sampleResult();
    const again = JSON.parse(JSON.stringify(result));
    expect(drawChart(again)).toBe(drawChart(result));
    expect(drawChart(sampleResult({ title: 'Another' }))).not.toBe(drawChart(result));
  });

  it('draws bars in proportion, and the figures with their unit beside them', () => {
    const chart = drawChart(sampleResult({ rounds: { ours: [100], theirs: [400] } }));
    const [ours = 0, theirs = 0] = barLengths(chart);
    expect(theirs / ours).toBeCloseTo(4, 2);
    expect(chart).toContain('>100 µs</text>');
    expect(chart).toContain('>400 µs</text>');
    expect(chart).toContain('lower is better');
    expect(chart).not.toContain('logarithmic');
  });

  it('turns to a logarithmic scale where a bar would vanish, and says so', () => {
    const chart = drawChart(sampleResult({ rounds: { ours: [0.15], theirs: [1.5], third: [48000] } }));
    const [ours = 0, theirs = 0, third = 0] = barLengths(chart);
    expect(ours).toBeGreaterThan(10);
    expect(third - theirs).toBeCloseTo(Math.log10(48000 / 1.5) * (theirs - ours), 0);
    expect(chart).toContain('logarithmic scale');
  });

  it('escapes every text', () => {
    const nasty = `</text><script>alert("1 & 2")</script>`;
    const chart = drawChart(
      sampleResult({ title: nasty, unit: '<b>', rounds: { ours: [1], theirs: 'a < b & "c"' } }),
    );
    expect(chart).not.toContain('<script');
    expect(chart).not.toContain('<b>');
    expect(chart).toContain('&lt;/text&gt;&lt;script&gt;alert(&quot;1 &amp; 2&quot;)');
    expect(chart).toContain('a &lt; b &amp; &quot;c&quot;');
    expect(escapeText("it's\u0000\u001b[1m")).toBe('it&#39;s[1m');
  });

  it('says which contestant was left out, and why', () => {
    const chart = drawChart(
      sampleResult({ rounds: { ours: [1], theirs: 'the package x is not installed' } }),
    );
    expect(chart).toContain('left out: the package x is not installed');
    expect(barLengths(chart)).toHaveLength(1);
  });

  it('has colours for light and for dark pages', () => {
    const chart = drawChart(sampleResult());
    expect(chart).toMatch(/\.ground \{ fill: #ffffff \}/);
    expect(chart).toMatch(/prefers-color-scheme: dark\) \{\s+\.ground \{ fill: #0d1117 \}/);
  });

  it('keeps bars, lines and values inside the picture', () => {
    const rounds = { ours: [1e6, 2e6, 9e6], theirs: [3e6, 3e6, 3e6] };
    const chart = drawChart(sampleResult({ rounds, unit: 'requests/s', direction: 'higher is better' }));
    const ends = [...chart.matchAll(/x="([\d.]+)" y="[\d.]+">([^<]*requests\/s)</g)];
    expect(ends.length).toBeGreaterThan(1);
    for (const [, x, text = ''] of ends) expect(Number(x) + text.length * 8).toBeLessThan(760);
  });

  it('can draw figures of nothing', () => {
    expect(barLengths(drawChart(sampleResult({ rounds: { ours: [0], theirs: [0] } })))).toEqual([0, 0]);
    expect(drawChart(sampleResult({ rounds: { ours: 'no', theirs: 'no' } }))).not.toContain('NaN');
  });
});

describe('the scale', () => {
  it('has round ticks that reach over the largest value', () => {
    expect(chooseScale([28_123, 10_000]).ticks).toEqual([0, 10_000, 20_000, 30_000]);
    expect(chooseScale([0.3]).ticks).toEqual([0, 0.1, 0.2, 0.3]);
    expect(chooseScale([1, 70]).ticks).toEqual([0.1, 1, 10, 100]);
  });

  it('is linear up to a factor of 20', () => {
    expect(chooseScale([1, 19.9]).logarithmic).toBe(false);
    expect(chooseScale([1, 20]).logarithmic).toBe(true);
    expect(chooseScale([0, 1000]).logarithmic).toBe(false);
  });
});

describe('a figure', () => {
  it.each([
    [0, '0'],
    [0.0123456, '0.0123'],
    [0.97, '0.970'],
    [3, '3.00'],
    [45.678, '45.7'],
    [123.4, '123'],
    [1234.5, '1,235'],
    [28_123_456, '28,123,456'],
    [1e-9, '1.00e-9'],
  ])('%d is written %s', (value, text) => {
    expect(formatFigure(value)).toBe(text);
  });
});
