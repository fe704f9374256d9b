/** `flotilla/socket.io` for ES modules: the same types as for CommonJS. */
export * from './socket.io.js';
export { createAdapter as default } from './socket.io.js';
