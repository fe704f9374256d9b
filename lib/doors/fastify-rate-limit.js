/** `flotilla/fastify-rate-limit`: a store for @fastify/rate-limit. */

require('./library.js');
const { fastifyRateLimitStore } = require('../adapters/fastify-rate-limit-store.js');

module.exports = { fastifyRateLimitStore, default: fastifyRateLimitStore, __esModule: true };
