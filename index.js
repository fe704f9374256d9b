/** The entry point of the whole library. Each name is documented in `index.d.ts`. */

const library = require('./lib/doors/library.js');

module.exports = library;
// The same again, for tools that read this file alone and would miss that there is a default export.
Object.defineProperty(module.exports, 'default', { enumerable: true, get: () => library.express });
