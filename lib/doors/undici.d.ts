/** `flotilla/undici`: a store for the HTTP cache of undici. */

import type { Writable } from 'node:stream';
import type { LRUCacheClustered, Tier } from '../../index.js';

export interface UndiciFlotillaOptions {
  /** The cache that holds the responses; without one, a cache of the namespace is made. */
  cache?: LRUCacheClustered<any, any>;
  /** The name of that cache: `'undici'` by default. */
  namespace?: string;
  /** How many entries the cache of the namespace holds: 10,000 by default. */
  max?: number;
  /** A second tier of the cache of the namespace, for all machines of a fleet: what `redisTier` gives. */
  tier?: Tier;
  /** What stands before a key: `'undici:'` by default. */
  prefix?: string;
  /** The largest body that is stored, in bytes: 5 MB by default. */
  maxEntrySize?: number;
}

/** What undici asks by. */
export interface UndiciRequest {
  origin: string;
  method: string;
  path: string;
  headers?: Record<string, string | string[]>;
}

/** What `interceptors.cache({ store })` takes. */
export class UndiciFlotilla {
  constructor(options?: UndiciFlotillaOptions);
  readonly cache: LRUCacheClustered<any, any>;
  get(key: UndiciRequest): Promise<any>;
  /** The response is stored when the stream ends, and not at all if it is destroyed before. */
  createWriteStream(key: UndiciRequest, value: any): Writable;
  /** Removes the resource, for all methods and in all its forms. */
  delete(key: { origin: string; path: string; method?: string }): Promise<void>;
}

export { UndiciFlotilla as default };
