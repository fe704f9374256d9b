// Generated from keyv.js by "npm run generate".

import entry from './keyv.js';

export const {
  KeyvFlotilla,
} = entry;

export default entry.default;
