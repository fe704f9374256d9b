// The same as `balancer`, with a body that is read and answered.

import { servers } from '../balancer/contestants.mjs';

export const { perSecond, cpu } = servers('balancer-posts', {
  title: 'Posts on two cores',
  measures: '1 KB of JSON, parsed and answered in JSON, 2 workers, 64 connections of wrk, which stay',
  kinds: ['express-post', 'http-post', 'fastify-post', 'koa-post'],
});
export default perSecond;
