/** `flotilla/express-session` for ES modules: the same types as for CommonJS. */
export * from './express-session.js';
export { FlotillaStore as default } from './express-session.js';
