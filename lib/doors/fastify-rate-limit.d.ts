/** `flotilla/fastify-rate-limit`: a store for @fastify/rate-limit. */

import type { RateLimitStoreOptions } from './express-rate-limit.js';

export type { RateLimitStoreOptions } from './express-rate-limit.js';

type CountCallback = (error: Error | null, count?: { current: number; ttl: number }) => void;

export interface FastifyRateLimitStore {
  incr(client: string, callback: CountCallback, timeWindow?: number, max?: number): void;
  read(client: string, callback: CountCallback): void;
  child(options: any): FastifyRateLimitStore;
}

/** The class that goes into the option `store`: the plugin makes its stores itself. */
export function fastifyRateLimitStore(
  options?: RateLimitStoreOptions,
): new (
  options: any,
) => FastifyRateLimitStore;

export { fastifyRateLimitStore as default };
