// Another percentile of the rounds of `balancer-latency`.

export { p999 as default } from './balancer-latency.mjs';
