/** `flotilla/unstorage`: a driver for unstorage. */

import type { LRUCacheClustered, Tier } from '../../index.js';

export interface UnstorageFlotillaOptions {
  /** The cache that holds the items; without one, a cache of the namespace is made. */
  cache?: LRUCacheClustered<any, any>;
  /** The name of that cache: `'unstorage'` by default. */
  namespace?: string;
  /** How many entries the cache of the namespace holds: 100,000 by default. */
  max?: number;
  /** A second tier of the cache of the namespace, for all machines of a fleet: what `redisTier` gives. */
  tier?: Tier;
  /** What stands before a key: `'unstorage:'` by default. */
  prefix?: string;
  /** What stands before each key of this driver, within the prefix: the items of several drivers are kept apart by it. */
  base?: string;
  /** The lifetime in seconds of items that are stored without one. */
  ttl?: number;
}

export interface UnstorageFlotilla {
  name: string;
  flags: { ttl: boolean };
  options: UnstorageFlotillaOptions;
  getInstance(): LRUCacheClustered<any, any>;
  hasItem(key: string): Promise<boolean>;
  getItem(key: string): Promise<any>;
  getItemRaw(key: string): Promise<any>;
  getItems(items: { key: string }[]): Promise<{ key: string; value: any }[]>;
  /** `ttl` is in seconds. */
  setItem(key: string, value: string, options?: { ttl?: number }): Promise<void>;
  setItemRaw(key: string, value: any, options?: { ttl?: number }): Promise<void>;
  removeItem(key: string): Promise<void>;
  getKeys(base?: string): Promise<string[]>;
  clear(base?: string): Promise<void>;
  dispose(): void;
}

/** Makes the driver of a storage: `createStorage({ driver: unstorageFlotilla() })`. */
export function unstorageFlotilla(options?: UnstorageFlotillaOptions): UnstorageFlotilla;

export { unstorageFlotilla as default };
