/** `flotilla/keyv`: a store for Keyv, and for what keeps its values by Keyv. */

import type { EventEmitter } from 'node:events';
import type { LRUCacheClustered, Tier } from '../../index.js';

export interface KeyvFlotillaOptions {
  /** The cache that holds the values; without one, a cache of the namespace is made. */
  cache?: LRUCacheClustered<any, any>;
  /** The name of that cache: `'keyv'` by default. Keyv's own `namespace` is a part of it. */
  namespace?: string;
  /** How many entries the cache of the namespace holds: 100,000 by default. */
  max?: number;
  /** A second tier of the cache of the namespace, for all machines of a fleet: what `redisTier` gives. */
  tier?: Tier;
  /** What stands before a key: `'keyv:'` by default. */
  prefix?: string;
}

/** The store of one Keyv, of version 5 or 6. */
export class KeyvFlotilla extends EventEmitter {
  constructor(options?: KeyvFlotillaOptions);
  readonly cache: LRUCacheClustered<any, any>;
  opts: any;
  /** Keyv sets it. */
  namespace: string | undefined;
  /** Keyv 6 asks for it, and no other version. */
  readonly capabilities: any;
  get(key: string): Promise<any>;
  getMany(keys: string[]): Promise<any[]>;
  /** The time is how long the entry lives, with Keyv 5; when its life ends, with Keyv 6. */
  set(key: string, value: any, time?: number): Promise<boolean>;
  setMany(entries: { key: string; value: any; ttl?: number; expires?: number }[]): Promise<any>;
  delete(key: string): Promise<boolean>;
  deleteMany(keys: string[]): Promise<any>;
  has(key: string): Promise<boolean>;
  hasMany(keys: string[]): Promise<boolean[]>;
  clear(): Promise<void>;
  iterator(namespace?: string): AsyncGenerator<any, void>;
  disconnect(): Promise<void>;
}

export { KeyvFlotilla as default };
