/** `flotilla/cache`: the cache alone, for programs that import `@0xdoublesharp/lru-cache-clustered`. */

const { door } = require('./door.js');

const cache = door(['__esModule', 'LRUCacheClustered', 'LRUCacheForClustersAsPromised', 'memoize', 'wrap']);
Object.defineProperty(cache, 'default', { enumerable: true, get: () => cache.LRUCacheClustered });
module.exports = cache;
