/** `flotilla/apollo`: a cache for Apollo Server. */

import type { LRUCacheClustered, Tier } from '../../index.js';

export interface ApolloFlotillaOptions {
  /** The cache that holds the values; without one, a cache of the namespace is made. */
  cache?: LRUCacheClustered<any, any>;
  /** The name of that cache: `'apollo'` by default. */
  namespace?: string;
  /** How many entries the cache of the namespace holds: 100,000 by default. */
  max?: number;
  /** A second tier of the cache of the namespace, for all machines of a fleet: what `redisTier` gives. */
  tier?: Tier;
  /** What stands before a key: `'apollo:'` by default. */
  prefix?: string;
}

/** A `KeyValueCache` of `@apollo/utils.keyvaluecache`. */
export class ApolloFlotilla<V = string> {
  constructor(options?: ApolloFlotillaOptions);
  readonly cache: LRUCacheClustered<any, any>;
  get(key: string): Promise<V | undefined>;
  /** The lifetime is in seconds; `null` is for ever, and none is what the cache says. */
  set(key: string, value: V, options?: { ttl?: number | null }): Promise<void>;
  delete(key: string): Promise<boolean>;
  clear(): Promise<void>;
}

export { ApolloFlotilla as default };
