// Generated from express-rate-limit.js by "npm run generate".

import entry from './express-rate-limit.js';

export const {
  FlotillaRateLimitStore,
} = entry;

export default entry.default;
