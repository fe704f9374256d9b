/** `flotilla/express` for ES modules: the same types as for CommonJS. */
export * from './express.js';
export { express as default } from './express.js';
