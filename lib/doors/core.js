/** `flotilla/core`: the signals core alone, for programs that import `@stateloom/core`. */

const {
  batch,
  computed,
  createScope,
  effect,
  hydrateScope,
  runInScope,
  serializeScope,
  serializeToScript,
  signal,
  untracked,
} = require('../library.js');

module.exports = {
  batch,
  computed,
  createScope,
  effect,
  hydrateScope,
  runInScope,
  serializeScope,
  serializeToScript,
  signal,
  untracked,
};
