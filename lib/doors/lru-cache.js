/** `flotilla/lru-cache`: the class of lru-cache, on the cache of all workers. */

require('./library.js');
const { LRUCache } = require('../adapters/lru-cache.js');

module.exports = { LRUCache, default: LRUCache, __esModule: true };
