// The same as `balancer`, with what else serves an application.

import { servers } from '../balancer/contestants.mjs';

export const { perSecond, cpu } = servers('balancer-apps', {
  title: 'Fastify and Koa on two cores',
  measures: 'Hello world, 2 workers, 64 connections of wrk, which shares the two cores with what it loads',
  kinds: ['fastify', 'fastify-short', 'koa', 'koa-short'],
});
export default perSecond;
