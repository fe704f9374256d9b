// The few statistics a benchmark needs: the median, and the quartiles that show the noise around it.
// Means are left out on purpose: one round in which a neighbour had the core would move a mean.

/**
 * The value below which the given share of the values lies, interpolated between the two nearest.
 *
 * @param {readonly number[]} values at least one, in any order
 * @param {number} share from 0 to 1
 * @returns {number}
 */
function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  const position = (sorted.length - 1) * share;
  const [low = Number.NaN, high = low] = sorted.slice(Math.floor(position));
  return low + (high - low) * (position % 1);
}

/** @param {readonly number[]} values */
export const median = (values) => quantile(values, 0.5);

/** The bounds of the middle half. @type {(values: readonly number[]) => [number, number]} */
export const quartiles = (values) => [quantile(values, 0.25), quantile(values, 0.75)];
