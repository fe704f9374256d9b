// What a request costs, whoever else wants the processors: the same fields as in `balancer`.

export { cpu as default } from './balancer.mjs';
