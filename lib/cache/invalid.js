/** The error for what a call was given wrongly, and how what came in its place is shown. */

const { createError } = require('../errors.js');

/** @param {unknown} key or whatever came in the place of one */
function describeKey(key) {
  if (typeof key === 'object' && key !== null) return 'an object';
  // What a function shows as text, it may say itself.
  if (typeof key === 'function') return 'a function';
  const suffix = typeof key === 'bigint' ? 'n' : '';
  const text = typeof key === 'string' ? JSON.stringify(key) : String(key) + suffix;
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

/**
 * @param {string} name
 * @param {string} expected
 * @param {unknown} actual
 */
function invalid(name, expected, actual) {
  return createError('FLOTILLA_ERR_INVALID_ARGUMENT', [name, expected, describeKey(actual)]);
}

/** @param {string} name @param {unknown} value */
function checkFlag(name, value) {
  if (typeof value !== 'boolean') throw invalid(name, 'true or false', value);
}

/** For options: one that is left out is not looked at. @param {string} name @param {unknown} value */
function checkFlagIfGiven(name, value) {
  if (value !== undefined) checkFlag(name, value);
}

module.exports = { checkFlag, checkFlagIfGiven, describeKey, invalid };
