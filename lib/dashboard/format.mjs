/** Figures as people read them, each with its unit. What is not known is a dash. */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const UNKNOWN = '–';

/** @param {unknown} value */
const isKnown = (value) => typeof value === 'number' && Number.isFinite(value);

/** @param {any} value */
export const count = (value) => (isKnown(value) ? whole.format(value) : UNKNOWN);

/** @param {any} value */
export function rate(value) {
  if (!isKnown(value)) return UNKNOWN;
  return `${(value < 10 ? fine : whole).format(value)}/s`;
}

/** @param {any} ms */
export function time(ms) {
  if (!isKnown(ms)) return UNKNOWN;
  if (ms >= 10_000) return `${whole.format(ms / 1000)} s`;
  if (ms >= 1000) return `${fine.format(ms / 1000)} s`;
  return `${(ms < 10 ? fine : whole).format(ms)} ms`;
}

/** @param {any} value */
export function bytes(value) {
  if (!isKnown(value)) return UNKNOWN;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let [left, unit] = [value, 0];
  for (; left >= 1024 && unit < units.length - 1; unit++) left /= 1024;
  return `${(left < 10 && unit > 0 ? fine : whole).format(left)} ${units[unit]}`;
}

/** @param {any} share from 0 to 1 */
export const percent = (share) => (isKnown(share) ? `${whole.format(share * 100)} %` : UNKNOWN);
