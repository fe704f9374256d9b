// What a request of `balancer-posts` costs.

export { cpu as default } from './balancer-posts.mjs';
