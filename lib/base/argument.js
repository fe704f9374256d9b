/** What is said of an argument that is not what it has to be. It runs in browsers too, under signals. */

const { createError } = require('../errors.js');

/**
 * @param {string} name
 * @param {string} expected
 * @param {unknown} actual
 */
function invalidArgument(name, expected, actual) {
  return createError('FLOTILLA_ERR_INVALID_ARGUMENT', [name, expected, describe(actual)]);
}

/**
 * What a value is, in a few words that run none of its code.
 *
 * @param {unknown} value
 */
function describe(value) {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object') return Array.isArray(value) ? 'an array' : 'an object';
  return `${String(value)} (a ${typeof value})`;
}

/**
 * A number, also where it was written as an environment variable has it; anything else stays what it is.
 *
 * @param {unknown} value
 */
const numeric = (value) => (typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value);

module.exports = { describe, invalidArgument, numeric };
