/** `flotilla/next`: both caches of Next.js. */

require('./library.js');
const { createNextCacheHandler } = require('../adapters/next.js');

/** As Next has it when its configuration names this file: it says no options. */
const NextCacheHandler = createNextCacheHandler();

module.exports = { NextCacheHandler, createNextCacheHandler, default: NextCacheHandler, __esModule: true };
