import { describe, expect, it } from 'vitest';
import { median, quantile, quartiles } from '../../bench/harness/statistics.mjs';

describe('the median', () => {
  it('is the middle of an odd number of values, in any order', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([7])).toBe(7);
  });

  it('is halfway between the two middle ones of an even number', () => {
    expect(median([4, 1, 3, 10])).toBe(3.5);
  });

  it('orders by size, not by spelling', () => {
    expect(median([100, 9, 10])).toBe(10);
  });

  it('is not moved by one wild value', () => {
    expect(median([1, 2, 3, 4, 1e9])).toBe(3);
  });
});

describe('the quartiles', () => {
  it('bound the middle half', () => {
    expect(quartiles([5, 1, 4, 2, 3])).toEqual([2, 4]);
    expect(quartiles([1, 2, 3, 4])).toEqual([1.75, 3.25]);
    expect(quartiles([8])).toEqual([8, 8]);
  });
});

describe('a quantile', () => {
  it('reaches from the smallest to the largest value and leaves its input as it was', () => {
    const values = [3, 1, 2];
    expect(quantile(values, 0)).toBe(1);
    expect(quantile(values, 1)).toBe(3);
    expect(values).toEqual([3, 1, 2]);
  });

  it('is refused of nothing', () => {
    expect(() => median([])).toThrow(RangeError);
  });
});
