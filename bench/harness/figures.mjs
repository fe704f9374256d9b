// How figures are written, the same in the report, the charts and the tables. No locale: the output must be
// the same on every machine.

/** @typedef {import('./result.mjs').Result} Result */
/** @typedef {import('./result.mjs').RowResult} RowResult */

/**
 * Three significant digits, or all digits before the point; thousands set apart by commas.
 *
 * @param {number} value
 * @returns {string}
 */
export function formatFigure(value) {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size < 1e-6) return value.toExponential(2);
  const decimals = Math.max(0, 2 - Math.floor(Math.log10(size)));
  const [whole = '', fraction] = value.toFixed(Math.min(decimals, 8)).split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',');
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

/**
 * @param {[number, number]} bounds
 * @returns {string}
 */
export function formatRange([low, high]) {
  return `${formatFigure(low)} to ${formatFigure(high)}`;
}

/**
 * The value of a row with what it is: `1.84`, `2.40x the speed`, `12.0 ms`.
 *
 * @param {RowResult} row
 * @param {string} unit
 * @returns {string}
 */
export function formatRowValue({ value, shows }, unit) {
  if (value === null) return 'not measured';
  if (shows === 'figure') return `${formatFigure(value)} ${unit}`;
  return shows === 'ratio' ? formatFigure(value) : `${formatFigure(value)}x the speed`;
}

/**
 * @param {RowResult} row
 * @param {boolean} quick
 * @returns {string}
 */
export function formatVerdict({ verdict, value }, quick) {
  if (verdict === null) return '';
  if (verdict !== 'not judged') return verdict;
  return quick && value !== null ? 'not judged (quick run)' : 'not judged (not measured)';
}

/**
 * Where and when, on one line.
 *
 * @param {Result} result
 * @returns {string}
 */
export function describeOrigin(result) {
  const { cpu, cores, platform } = result.machine;
  const processors = cores === 1 ? '1 core' : `${cores} cores`;
  return `${cpu}, ${processors}, ${platform}, ${describeVersion(result)}`;
}

/**
 * Of what Node.js, when, and of which commit.
 *
 * @param {Result} result
 * @returns {string}
 */
export function describeVersion({ machine, date, commit, changed }) {
  const revision =
    commit === null ? 'no commit' : `commit ${commit.slice(0, 10)}${changed ? ' with changes' : ''}`;
  return `Node ${machine.node}, ${date.slice(0, 10)}, ${revision}`;
}
