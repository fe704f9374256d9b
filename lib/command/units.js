/** Times and sizes as people write them on a command line: `5s`, `1.5h`, `512mb`. */

const { createError } = require('../errors.js');
const { describe, invalidArgument } = require('../base/argument.js');

const milliseconds = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const bytes = { b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };
/** The longest time that a timer of Node's can wait. */
const LONGEST = 2 ** 31 - 1;
const LARGEST = Number.MAX_SAFE_INTEGER;

/**
 * @param {string} name
 * @param {string} expected
 * @param {number} amount
 * @param {number} most
 * @param {unknown} given
 */
function within(name, expected, amount, most, given) {
  const whole = Math.round(amount);
  if (whole >= 0 && whole <= most) return whole;
  throw createError('FLOTILLA_ERR_OUT_OF_RANGE', [name, `${expected}, up to ${most}`, describe(given)]);
}

/**
 * A time in milliseconds: a number of them, or text such as `5s`.
 *
 * @param {string} name
 * @param {unknown} given
 * @returns {number}
 */
function duration(name, given) {
  const expected = "a time: milliseconds, or a number with ms, s, m, h or d, such as '5s'";
  const [, amount, unit = 'ms'] = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?$/i.exec(String(given).trim()) ?? [];
  if (amount === undefined || !['string', 'number'].includes(typeof given)) {
    throw invalidArgument(name, expected, given);
  }
  const factor = milliseconds[/** @type {keyof typeof milliseconds} */ (unit.toLowerCase())];
  return within(name, expected, Number(amount) * factor, LONGEST, given);
}

/**
 * A size in bytes: a number of them, or text such as `512mb`. The units are powers of 1024, as PM2's are.
 *
 * @param {string} name
 * @param {unknown} given
 * @returns {number}
 */
function size(name, given) {
  const expected = "a size: bytes, or a number with k, m or g, such as '512mb'";
  const [, amount, unit = 'b'] = /^(\d+(?:\.\d+)?)\s*(b|k|m|g)?(?:i?b)?$/i.exec(String(given).trim()) ?? [];
  if (amount === undefined || !['string', 'number'].includes(typeof given)) {
    throw invalidArgument(name, expected, given);
  }
  const factor = bytes[/** @type {keyof typeof bytes} */ (unit.toLowerCase())];
  return within(name, expected, Number(amount) * factor, LARGEST, given);
}

/**
 * A size for people, in few letters.
 *
 * @param {number} amount
 */
function humanSize(amount) {
  if (amount < 1024) return `${amount} B`;
  const power = Math.min(Math.floor(Math.log2(amount) / 10), 4);
  const scaled = amount / 2 ** (10 * power);
  return `${scaled < 10 ? scaled.toFixed(1) : Math.round(scaled)} ${['B', 'KB', 'MB', 'GB', 'TB'][power]}`;
}

/**
 * A time for people, in few letters.
 *
 * @param {number} ms
 */
function humanTime(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

module.exports = { duration, humanSize, humanTime, size };
