/** A part of the library as an object of its own, which loads what is asked of it. */

const { lazily } = require('../base/lazy.js');
const library = require('./library.js');

/** @type {(names: (keyof typeof library | '__esModule')[]) => any} */
const door = (names) =>
  lazily(
    Object.fromEntries(
      names.map((name) => [name, () => library[/** @type {keyof typeof library} */ (name)]]),
    ),
  );

module.exports = { door };
