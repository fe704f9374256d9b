// What one process can delay another by: what stands in bench/cache/delays.mjs.

export { own as default } from '../cache/delays.mjs';
