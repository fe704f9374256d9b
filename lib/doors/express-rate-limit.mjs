// Generated from express-rate-limit.js by "npm run generate".

import door from './express-rate-limit.js';

export const {
  FlotillaRateLimitStore,
} = door;

export default door.default;
