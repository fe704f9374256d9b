/** `flotilla/rate-limiter-flexible`: a limiter of that package. */

import type { LRUCacheClustered, Tier } from '../../index.js';

export interface RateLimiterFlotillaOptions {
  /** The cache that holds the points; without one, a cache of the namespace is made. */
  cache?: LRUCacheClustered<any, any>;
  /** `'rate-limit'` by default. */
  namespace?: string;
  /** How many clients the cache of the namespace counts: 100,000 by default. */
  max?: number;
  /** A second tier of the cache of the namespace, for all machines of a fleet: what `redisTier` gives. */
  tier?: Tier;
  points: number;
  /** In seconds. */
  duration: number;
  blockDuration?: number;
  execEvenly?: boolean;
  execEvenlyMinDelayMs?: number;
  /** What stands before a client in its key, `'rlflx'` by default. Each limiter needs one of its own. */
  keyPrefix?: string;
  insuranceLimiter?: any;
  inMemoryBlockOnConsumed?: number;
  inMemoryBlockDuration?: number;
  blockOnConsumed?: number;
}

/** What a limiter answers, and what it rejects with where there are no points left. */
export interface RateLimiterResult {
  readonly msBeforeNext: number;
  readonly remainingPoints: number;
  readonly consumedPoints: number;
  readonly isFirstInDuration: boolean;
  toString(): string;
  toJSON(): {
    remainingPoints: number;
    msBeforeNext: number;
    consumedPoints: number;
    isFirstInDuration: boolean;
  };
}

interface CallOptions {
  [key: string]: any;
}

/** A limiter with the methods of all limiters of rate-limiter-flexible, which has to be installed: versions 5 to 11. */
export class RateLimiterFlotilla {
  constructor(options: RateLimiterFlotillaOptions);
  points: number;
  duration: number;
  readonly msDuration: number;
  blockDuration: number;
  readonly msBlockDuration: number;
  execEvenly: boolean;
  execEvenlyMinDelayMs: number;
  keyPrefix: string;
  blockOnConsumed: number;
  insuranceLimiter: any;
  getKey(key: string | number): string;
  parseKey(key: string): string;
  consume(key: string | number, points?: number, options?: CallOptions): Promise<RateLimiterResult>;
  penalty(key: string | number, points?: number, options?: CallOptions): Promise<RateLimiterResult>;
  reward(key: string | number, points?: number, options?: CallOptions): Promise<RateLimiterResult>;
  block(key: string | number, seconds: number, options?: CallOptions): Promise<RateLimiterResult>;
  set(
    key: string | number,
    points: number,
    seconds: number,
    options?: CallOptions,
  ): Promise<RateLimiterResult>;
  get(key: string | number, options?: CallOptions): Promise<RateLimiterResult | null>;
  delete(key: string | number, options?: CallOptions): Promise<boolean>;
  deleteInMemoryBlockedAll(): void;
}

export { RateLimiterFlotilla as default };
