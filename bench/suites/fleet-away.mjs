// A fleet without Redis: what stands in bench/fleet/away.mjs.

export { longest as default } from '../fleet/away.mjs';
