/** `flotilla/core`: the signals core alone, for programs that import `@stateloom/core`. */

const { partOf } = require('../base/lazy.js');
const library = require('./library.js');

module.exports = partOf(library, [
  'batch',
  'computed',
  'createScope',
  'effect',
  'hydrateScope',
  'runInScope',
  'serializeScope',
  'serializeToScript',
  'signal',
  'untracked',
]);
