// Bars: what a row must reach, written as the documents write it, and judged here alone.
//
// `at most 3.0` and `at least 0.97` are about the ratio subject : reference (or, for a row without a
// reference, about the figure of the subject). `at least 2x faster` is about the ratio of speeds, whichever
// way the unit counts.

/** @typedef {'lower is better' | 'higher is better'} Direction */
/** @typedef {'met' | 'missed' | 'not judged'} Verdict */

/**
 * @typedef {object} Bar
 * @property {'most' | 'least'} kind
 * @property {number} limit
 * @property {boolean} ofSpeed
 */

const PATTERN = /^at (most|least) (\d+(?:\.\d+)?)(x faster)?$/;

/**
 * @param {string} text
 * @param {Direction} direction of the unit that the row is measured in
 * @returns {Bar}
 */
export function parseBar(text, direction) {
  const match = PATTERN.exec(text);
  if (match === null) {
    throw new TypeError(`the bar '${text}' is none of: 'at most N', 'at least N', 'at least Nx faster'`);
  }
  const kind = match[1] === 'most' ? 'most' : 'least';
  const ofSpeed = match[3] !== undefined;
  const wanted = ofSpeed || direction === 'higher is better' ? 'least' : 'most';
  if (kind !== wanted) throw new TypeError(`the bar '${text}' rewards the worse side where ${direction}`);
  return { kind, limit: Number(match[2]), ofSpeed };
}

/**
 * The quantity that a row compares: of two figures their ratio, or the ratio of the speeds they stand for.
 *
 * @param {number} subject
 * @param {number} reference
 * @param {Direction} direction
 * @param {Bar | undefined} bar
 * @returns {number}
 */
export function ratioOf(subject, reference, direction, bar) {
  return bar?.ofSpeed && direction === 'lower is better' ? reference / subject : subject / reference;
}

/**
 * @param {number} value
 * @param {Bar} bar
 * @returns {Verdict}
 */
export function judge(value, bar) {
  if (!Number.isFinite(value)) return 'not judged';
  return (bar.kind === 'most' ? value <= bar.limit : value >= bar.limit) ? 'met' : 'missed';
}
