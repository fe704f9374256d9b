/** `flotilla/bentocache`: a driver for the first layer of Bentocache. */

import type { LRUCacheClustered } from '../../index.js';

export interface FlotillaDriverOptions {
  /** The cache that holds the entries; without one, a cache of the namespace is made. */
  cache?: LRUCacheClustered<any, any>;
  /** The name of that cache: `'bentocache'` by default. */
  namespace?: string;
  /** How many entries the cache of the namespace holds: 100,000 by default. */
  max?: number;
  /** What stands before a key: `'bentocache:'` by default. */
  prefix?: string;
}

export interface FlotillaDriver {
  type: 'l1';
  namespace(namespace: string): FlotillaDriver;
  get(key: string): string | undefined;
  pull(key: string): string | undefined;
  set(key: string, value: string, ttl?: number): boolean;
  getRemainingTtl(key: string): number | undefined;
  clear(): void;
  delete(key: string): boolean;
  deleteMany(keys: string[]): boolean;
  disconnect(): Promise<void>;
}

/** What goes into `useL1Layer`. */
export function flotillaDriver(options?: FlotillaDriverOptions): {
  options: Record<string, any>;
  factory: (config: any) => FlotillaDriver;
};

export { flotillaDriver as default };
