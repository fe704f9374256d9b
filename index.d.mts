/** The root door for ES modules: the same types as for CommonJS, from the one contract in `index.d.ts`. */
export * from './index.js';
export { express as default } from './index.js';
