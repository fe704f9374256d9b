// Generated from unstorage.js by "npm run generate".

import entry from './unstorage.js';

export const {
  unstorageFlotilla,
} = entry;

export default entry.default;
