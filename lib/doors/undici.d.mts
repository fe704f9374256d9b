/** `flotilla/undici` for ES modules: the same types as for CommonJS. */
export * from './undici.js';
export { UndiciFlotilla as default } from './undici.js';
