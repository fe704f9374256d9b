/** The public door. What stands behind each name is documented in `index.d.ts`. */

module.exports = require('./lib/library.js');
// The same value again, for tools that read this file alone and would miss that there is a default export.
module.exports.default = module.exports.express;
