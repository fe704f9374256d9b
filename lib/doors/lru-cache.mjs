// Generated from lru-cache.js by "npm run generate".

import entry from './lru-cache.js';

export const {
  LRUCache,
} = entry;

export default entry.default;
