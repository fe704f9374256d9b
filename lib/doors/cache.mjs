// Generated from cache.js by "npm run generate".

import entry from './cache.js';

export const {
  LRUCacheClustered,
  LRUCacheForClustersAsPromised,
  memoize,
  redisTier,
  wrap,
} = entry;

export default entry.default;
