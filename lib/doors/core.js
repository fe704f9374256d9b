/**
 * `flotilla/core`: the signals core alone, for programs that import `@stateloom/core`. It needs no addon, so it runs where there is
 * none, also on Bun and Deno. With the rest of the library it is one.
 */

const { amongLoaded, oneInstance } = require('../base/loading.js');

module.exports = oneInstance(() => amongLoaded(() => require('../signals/core.js')), ' core');
