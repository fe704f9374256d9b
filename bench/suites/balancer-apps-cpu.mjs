// What a request of `balancer-apps` costs.

export { cpu as default } from './balancer-apps.mjs';
