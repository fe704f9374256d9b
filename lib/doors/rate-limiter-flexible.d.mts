/** `flotilla/rate-limiter-flexible` for ES modules: the same types as for CommonJS. */
export * from './rate-limiter-flexible.js';
export { RateLimiterFlotilla as default } from './rate-limiter-flexible.js';
