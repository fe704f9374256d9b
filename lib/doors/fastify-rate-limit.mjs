// Generated from fastify-rate-limit.js by "npm run generate".

import entry from './fastify-rate-limit.js';

export const {
  fastifyRateLimitStore,
} = entry;

export default entry.default;
