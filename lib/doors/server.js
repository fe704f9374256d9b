/** `flotilla/server`: the server scope alone, for programs that import `@stateloom/server`. */

const { partOf } = require('../base/loading.js');
const library = require('./library.js');

module.exports = partOf(library, ['createServerScope', 'scopeMiddleware', 'scopePlugin']);
