// Generated from server.js by "npm run generate".

import door from './server.js';

export const {
  createServerScope,
  scopeMiddleware,
  scopePlugin,
} = door;
