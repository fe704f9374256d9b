/** `flotilla/unstorage` for ES modules: the same types as for CommonJS. */
export * from './unstorage.js';
export { unstorageFlotilla as default } from './unstorage.js';
