/** `flotilla/fastify-rate-limit` for ES modules: the same types as for CommonJS. */
export * from './fastify-rate-limit.js';
export { fastifyRateLimitStore as default } from './fastify-rate-limit.js';
