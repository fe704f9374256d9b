// Generated from socket.io.js by "npm run generate".

import entry from './socket.io.js';

export const {
  createAdapter,
} = entry;

export default entry.default;
