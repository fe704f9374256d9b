// Another percentile of the rounds of `balancer-latency`.

export { p50 as default } from './balancer-latency.mjs';
