// Bars: what a row must reach, written as the documents write it, and judged here alone.
//
// `at most 3.0` and `at least 0.97` are about the ratio subject : reference (or, for a row without a
// reference, about the figure of the subject). `at least 2x faster` is about the ratio of speeds, whichever
// way the unit counts.

/** @typedef {import('./types.d.ts').Direction} Direction */
/** @typedef {{ kind: string, limit: number, ofSpeed: boolean }} Bar */

/**
 * @param {string} text
 * @param {Direction} direction of the unit that the row is measured in
 * @returns {Bar}
 */
export function parseBar(text, direction) {
  const [match, kind = '', limit, faster] = /^at (most|least) (\d+(?:\.\d+)?)(x faster)?$/.exec(text) ?? [];
  if (match === undefined) {
    throw new TypeError(`the bar '${text}' is none of: 'at most N', 'at least N', 'at least Nx faster'`);
  }
  const ofSpeed = faster !== undefined;
  const wanted = ofSpeed || direction === 'higher is better' ? 'least' : 'most';
  if (kind !== wanted) throw new TypeError(`the bar '${text}' rewards the worse side where ${direction}`);
  return { kind, limit: Number(limit), ofSpeed };
}

/**
 * The quantity that a row compares: of two figures their ratio, or the ratio of the speeds they stand for.
 *
 * @param {number} subject
 * @param {number} reference
 * @param {Direction} direction
 * @param {Bar | undefined} bar
 */
export function ratioOf(subject, reference, direction, bar) {
  return bar?.ofSpeed && direction === 'lower is better' ? reference / subject : subject / reference;
}

/**
 * @param {number | null} value
 * @param {Bar} bar
 */
export function judge(value, { kind, limit }) {
  if (value === null) return 'not judged';
  return (kind === 'most' ? value <= limit : value >= limit) ? 'met' : 'missed';
}
