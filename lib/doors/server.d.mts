/** `flotilla/server` for ES modules: the same types as for CommonJS. */
export * from './server.js';
