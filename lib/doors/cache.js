/** `flotilla/cache`: the cache alone, for programs that import `@0xdoublesharp/lru-cache-clustered`. */

const { LRUCacheClustered, LRUCacheForClustersAsPromised, memoize, wrap } = require('../library.js');

module.exports = {
  LRUCacheClustered,
  LRUCacheForClustersAsPromised,
  memoize,
  wrap,
  default: LRUCacheClustered,
  __esModule: true,
};
