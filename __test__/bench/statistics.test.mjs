import { expect, it } from 'vitest';
import { median, quartiles } from '../../bench/harness/statistics.mjs';

it.each([
  [[9, 1, 5], 5],
  [[7], 7],
  [[4, 1, 3, 10], 3.5],
  [[100, 9, 10], 10],
  [[1, 2, 3, 4, 1e9], 3],
])('the median of %j is %d', (values, middle) => {
  expect(median(values)).toBe(middle);
});

it.each([
  [
    [5, 1, 4, 2, 3],
    [2, 4],
  ],
  [
    [1, 2, 3, 4],
    [1.75, 3.25],
  ],
  [[8], [8, 8]],
])('the middle half of %j is bound by %j', (values, bounds) => {
  const before = [...values];
  expect(quartiles(values)).toEqual(bounds);
  expect(values).toEqual(before);
});
