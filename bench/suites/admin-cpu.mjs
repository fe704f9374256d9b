// What a request costs, by the processor time of all processes: the same servers as in `admin`.

export { cpu as default } from './admin.mjs';
