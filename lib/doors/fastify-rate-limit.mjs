// Generated from fastify-rate-limit.js by "npm run generate".

import door from './fastify-rate-limit.js';

export const {
  fastifyRateLimitStore,
} = door;

export default door.default;
