/** `flotilla/express-rate-limit`: a store for express-rate-limit. */

import type { LRUCacheClustered, Tier } from '../../index.js';

export interface RateLimitStoreOptions {
  /** The cache that holds the counters; without one, a cache of the namespace is made. */
  cache?: LRUCacheClustered<any, any>;
  /** `'rate-limit'` by default. */
  namespace?: string;
  /** How many clients the cache of the namespace counts: 100,000 by default. */
  max?: number;
  /** A second tier of the cache of the namespace, for all machines of a fleet: what `redisTier` gives. */
  tier?: Tier;
  /** What stands before a client in its key, `'rl:'` by default. Each limiter needs one of its own. */
  prefix?: string;
}

export class FlotillaRateLimitStore {
  constructor(options?: RateLimitStoreOptions);
  readonly cache: LRUCacheClustered<any, any>;
  localKeys: boolean;
  prefix: string;
  init(options: { windowMs: number }): void;
  get(client: string): Promise<{ totalHits: number; resetTime: Date } | undefined>;
  increment(client: string): Promise<{ totalHits: number; resetTime: Date }>;
  decrement(client: string): Promise<void>;
  resetKey(client: string): Promise<void>;
  resetAll(): Promise<void>;
}

export { FlotillaRateLimitStore as default };
