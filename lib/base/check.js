/** What an option may be, and the error for what it may not. */

const { createError } = require('../errors.js');
const { describe, invalidArgument: invalid, numeric } = require('./argument.js');

const LARGEST_PORT = 65_535;
/** The longest time that a timer of Node's can wait. */
const LONGEST_WAIT = 2 ** 31 - 1;

/**
 * @param {number} smallest
 * @param {number} largest
 * @returns {(name: string, value: unknown) => number}
 */
const whole = (smallest, largest) => (name, value) => {
  const expected = `a whole number from ${smallest} to ${largest}`;
  const number = numeric(value);
  if (typeof number !== 'number') throw invalid(name, expected, value);
  if (Number.isInteger(number) && number >= smallest && number <= largest) return number;
  throw createError('FLOTILLA_ERR_OUT_OF_RANGE', [name, expected, describe(value)]);
};

const port = whole(0, LARGEST_PORT);
const milliseconds = whole(0, LONGEST_WAIT);
/** A time that is none at 0. */
const interval = whole(1, LONGEST_WAIT);

/**
 * @param {string} name
 * @param {unknown} value
 * @returns {boolean}
 */
function flag(name, value) {
  if (typeof value === 'boolean') return value;
  throw invalid(name, 'true or false', value);
}

/**
 * @param {string} name
 * @param {unknown} value
 * @returns {string}
 */
function text(name, value) {
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value;
  throw invalid(name, 'a string that is not empty', value);
}

/**
 * @param {string} name
 * @param {unknown} value
 * @returns {any}
 */
function callable(name, value) {
  if (typeof value === 'function') return value;
  throw invalid(name, 'a function', value);
}

/**
 * @param {string} name
 * @param {unknown} value
 * @returns {any}
 */
function record(name, value) {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw invalid(name, 'an object', value);
}

module.exports = {
  callable,
  flag,
  interval,
  invalid,
  milliseconds,
  port,
  record,
  text,
  whole,
};
