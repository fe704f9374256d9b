// Generated from rate-limiter-flexible.js by "npm run generate".

import entry from './rate-limiter-flexible.js';

export const {
  RateLimiterFlotilla,
} = entry;

export default entry.default;
