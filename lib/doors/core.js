/** `flotilla/core`: the signals core alone, for programs that import `@stateloom/core`. */

const { door } = require('./door.js');

module.exports = door([
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
