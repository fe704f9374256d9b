/** `flotilla/next`: both caches of Next.js. */

import type { LRUCacheClustered, Tier } from '../../index.js';

export interface NextCacheHandlerOptions {
  /** The cache that holds the entries; without one, a cache of the namespace is made. */
  cache?: LRUCacheClustered<any, any>;
  /** The name of that cache: `'next'` by default. */
  namespace?: string;
  /** How many entries the cache of the namespace holds: 10,000 by default. */
  max?: number;
  /** A second tier of the cache of the namespace, for all machines of a fleet: what `redisTier` gives. */
  tier?: Tier;
  /** What stands before a key: nothing by default. */
  prefix?: string;
}

interface Durations {
  expire?: number;
}

/** What `use cache` brought: times in seconds, and when it was made in milliseconds. */
export interface NextCacheEntry {
  value: ReadableStream<Uint8Array>;
  tags: string[];
  stale: number;
  timestamp: number;
  expire: number;
  revalidate: number;
}

/** Its objects are what `cacheHandler` wants, and the class itself is what `cacheHandlers` want. */
export interface NextCacheHandlerClass {
  new (
    context?: any,
  ): {
    get(key: string, context: any): Promise<any>;
    set(key: string, value: any, context: any): Promise<void>;
    revalidateTag(tags: string | string[], durations?: Durations): Promise<void>;
    resetRequestCache(): void;
  };
  get(key: string, softTags: string[]): Promise<NextCacheEntry | undefined>;
  set(key: string, pendingEntry: Promise<NextCacheEntry>): Promise<void>;
  refreshTags(): Promise<void>;
  getExpiration(tags: string[]): Promise<number>;
  updateTags(tags: string[], durations?: Durations): Promise<void>;
}

/** Makes a handler with options: for a file of yours that the configuration of Next names. */
export function createNextCacheHandler(options?: NextCacheHandlerOptions): NextCacheHandlerClass;

/** The handler without options. */
export const NextCacheHandler: NextCacheHandlerClass;

export { NextCacheHandler as default };
