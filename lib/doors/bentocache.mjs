// Generated from bentocache.js by "npm run generate".

import entry from './bentocache.js';

export const {
  flotillaDriver,
} = entry;

export default entry.default;
