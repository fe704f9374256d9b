// Generated from server.js by "npm run generate".

import entry from './server.js';

export const {
  createServerScope,
  scopeMiddleware,
  scopePlugin,
} = entry;
