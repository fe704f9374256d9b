/** `flotilla/cache` for ES modules: the same types as for CommonJS. */
export * from './cache.js';
export { LRUCacheClustered as default } from './cache.js';
