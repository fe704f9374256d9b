// Generated from next.js by "npm run generate".

import entry from './next.js';

export const {
  NextCacheHandler,
  createNextCacheHandler,
} = entry;

export default entry.default;
