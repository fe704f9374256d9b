/**
 * The names of options: one that is not known is refused, with the nearest that is, or with what to do instead.
 *
 * What is undefined is left out. Names are looked at before anything is done with what they name.
 */

const { createError } = require('../errors.js');
const { LONGEST, distance, nearest } = require('./nearest.js');

/**
 * @param {string} what
 * @param {object} options
 * @param {string} name
 * @param {readonly string[]} known
 * @param {ReadonlyMap<string, string>} elsewhere
 */
function refuse(what, options, name, known, elsewhere) {
  // What is undefined is left out, and what all objects inherit is nobody's option.
  if (!Object.hasOwn(options, name) || /** @type {any} */ (options)[name] === undefined) return;
  const meant = nearest(name, known);
  const advice = elsewhere.get(name) ?? (meant ? `did you mean "${meant}"?` : `it takes ${known.join(', ')}`);
  throw createError('FLOTILLA_ERR_UNKNOWN_OPTION', [what, name.slice(0, LONGEST), advice]);
}

/** @type {ReadonlyMap<string, string>} */
const nowhere = new Map();

/**
 * @param {string} what takes the options
 * @param {object} options
 * @param {readonly string[]} known
 * @param {ReadonlyMap<string, string>} [elsewhere] names that mean something to others: why they mean nothing here, and what to do
 */
function checkNames(what, options, known, elsewhere = nowhere) {
  for (const name in options) {
    if (!known.includes(name)) refuse(what, options, name, known, elsewhere);
  }
}

/**
 * For options that names of the user's own may stand beside: only what is no word, a known name with two neighbouring letters
 * swapped, is refused.
 *
 * @param {string} what
 * @param {object} options
 * @param {readonly string[]} known
 */
function checkSlips(what, options, known) {
  const isSlip = (/** @type {string} */ name) =>
    known.some(
      (other) =>
        other !== name &&
        !Object.hasOwn(options, other) &&
        distance(name, other) === 1 &&
        sorted(name) === sorted(other),
    );
  for (const name in options) {
    if (!known.includes(name) && isSlip(name)) refuse(what, options, name, known, nowhere);
  }
}

/** @param {string} name */
const sorted = (name) => [...name].sort().join('');

module.exports = { checkNames, checkSlips };
