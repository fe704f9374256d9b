/** `flotilla/apollo` for ES modules: the same types as for CommonJS. */
export * from './apollo.js';
export { ApolloFlotilla as default } from './apollo.js';
