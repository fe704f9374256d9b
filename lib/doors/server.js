/** `flotilla/server`: the server scope alone, for programs that import `@stateloom/server`. */

const { door } = require('./door.js');

module.exports = door(['createServerScope', 'scopeMiddleware', 'scopePlugin']);
