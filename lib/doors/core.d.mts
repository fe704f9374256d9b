/** `flotilla/core` for ES modules: the same types as for CommonJS. */
export * from './core.js';
