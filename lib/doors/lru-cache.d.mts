/** `flotilla/lru-cache` for ES modules: the same types as for CommonJS. */
export * from './lru-cache.js';
export { LRUCache as default } from './lru-cache.js';
