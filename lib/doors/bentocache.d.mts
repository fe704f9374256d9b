/** `flotilla/bentocache` for ES modules: the same types as for CommonJS. */
export * from './bentocache.js';
export { flotillaDriver as default } from './bentocache.js';
