// Generated from cache.js by "npm run generate".

import door from './cache.js';

export const {
  LRUCacheClustered,
  LRUCacheForClustersAsPromised,
  memoize,
  wrap,
} = door;

export default door.default;
