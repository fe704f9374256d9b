/** `flotilla/next` for ES modules: the same types as for CommonJS. */
export * from './next.js';
export { NextCacheHandler as default } from './next.js';
