/** `flotilla/cache`: the cache alone, for programs that import `@0xdoublesharp/lru-cache-clustered`. */

const { partOf } = require('../base/loading.js');
const library = require('./library.js');

const cache = partOf(library, [
  '__esModule',
  'LRUCacheClustered',
  'LRUCacheForClustersAsPromised',
  'memoize',
  'redisTier',
  'wrap',
]);
Object.defineProperty(cache, 'default', { enumerable: true, get: () => cache.LRUCacheClustered });
module.exports = cache;
