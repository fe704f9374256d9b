// A fleet to which Redis comes back: what stands in bench/fleet/away.mjs.

export { back as default } from '../fleet/away.mjs';
