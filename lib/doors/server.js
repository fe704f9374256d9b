/** `flotilla/server`: the server scope alone, for programs that import `@stateloom/server`. */

const { createServerScope, scopeMiddleware, scopePlugin } = require('../library.js');

module.exports = { createServerScope, scopeMiddleware, scopePlugin };
