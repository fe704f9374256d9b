/** The signals core: all that `flotilla/core` offers. Nothing here needs the addon, so it runs in a browser too. */

const { batch, untracked } = require('./graph.js');
const { effect } = require('./reaction.js');
const { createScope, hydrateScope, runInScope, serializeScope } = require('./scope.js');
const { serializeToScript } = require('./script.js');
const { computed, signal } = require('./signal.js');

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
