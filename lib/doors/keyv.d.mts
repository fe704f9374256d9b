/** `flotilla/keyv` for ES modules: the same types as for CommonJS. */
export * from './keyv.js';
export { KeyvFlotilla as default } from './keyv.js';
