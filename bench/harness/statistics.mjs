// The few statistics a benchmark needs: the median, and the quartiles that show the noise around it.
// Means are left out on purpose: one round in which a neighbour had the core would move a mean.

/**
 * The value below which the given share of the values lies, interpolated between the two nearest.
 *
 * @param {readonly number[]} values at least one, in any order
 * @param {number} share from 0 to 1
 * @returns {number}
 */
export function quantile(values, share) {
  if (values.length === 0) throw new RangeError('a quantile needs at least one value');
  const sorted = [...values].sort((a, b) => a - b);
  const position = (sorted.length - 1) * share;
  const below = Math.floor(position);
  const low = /** @type {number} */ (sorted[below]);
  const high = /** @type {number} */ (sorted[Math.min(below + 1, sorted.length - 1)]);
  return low + (high - low) * (position - below);
}

/**
 * @param {readonly number[]} values
 * @returns {number}
 */
export function median(values) {
  return quantile(values, 0.5);
}

/**
 * The bounds of the middle half of the values.
 *
 * @param {readonly number[]} values
 * @returns {[number, number]}
 */
export function quartiles(values) {
  return [quantile(values, 0.25), quantile(values, 0.75)];
}
