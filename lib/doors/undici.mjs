// Generated from undici.js by "npm run generate".

import entry from './undici.js';

export const {
  UndiciFlotilla,
} = entry;

export default entry.default;
