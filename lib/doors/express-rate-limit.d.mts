/** `flotilla/express-rate-limit` for ES modules: the same types as for CommonJS. */
export * from './express-rate-limit.js';
export { FlotillaRateLimitStore as default } from './express-rate-limit.js';
