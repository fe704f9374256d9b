// How figures are written, the same in the report, the charts and the tables. No locale: the output must be
// the same on every machine.

/** @typedef {import('./types.d.ts').Result} Result */
/** @typedef {import('./types.d.ts').RowResult} RowResult */

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

/** @param {[number, number] | null} bounds */
export const formatRange = (bounds) => (bounds ?? []).map(formatFigure).join(' to ');

/**
 * The value of a row with what it is: `1.84`, `2.40x the speed`, `12.0 ms`.
 *
 * @param {RowResult} row
 * @param {string} unit
 */
export function formatRowValue({ value, shows }, unit) {
  if (value === null) return 'not measured';
  const suffix = { figure: ` ${unit}`, ratio: '', 'ratio of speeds': 'x the speed' }[shows];
  return formatFigure(value) + suffix;
}

/** Where and when, on one line. @param {Result} result */
export function describeOrigin(result) {
  const { cpu, cores, platform } = result.machine;
  return `${cpu}, ${cores === 1 ? '1 core' : `${cores} cores`}, ${platform}, ${describeVersion(result)}`;
}

/** Of what Node.js, when, and of which commit. @param {Result} result */
export function describeVersion({ machine, date, commit, changed }) {
  const revision =
    commit === null ? 'no commit' : `commit ${commit.slice(0, 10)}${changed ? ' with changes' : ''}`;
  return `Node ${machine.node}, ${date.slice(0, 10)}, ${revision}`;
}
