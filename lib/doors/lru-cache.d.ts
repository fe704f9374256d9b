/** `flotilla/lru-cache`: the class of lru-cache, on the cache of all workers. */

import type { CacheKey, CacheOptions, SyncCache, SyncGetOptions, SyncSetOptions } from '../../index.js';

export type SizeCalculation<K, V> = (value: V, key: K) => number;

/** What a `fetchMethod` is told. */
export interface FetcherOptions<FC = any> {
  signal: AbortSignal;
  options: any;
  context: FC;
}

/** The options of lru-cache, but for those that would have to run when an entry goes, in whatever process. */
export interface LRUCacheOptions<K extends CacheKey = CacheKey, V extends {} = any, FC = any>
  extends Omit<CacheOptions, 'tier'> {
  /** The name of the cache: those of one name are one. */
  namespace: string;
  /** Runs in the process that writes. */
  sizeCalculation?: SizeCalculation<K, V>;
  /** One call runs for all callers of a key, in all processes. */
  fetchMethod?: (
    key: K,
    stale: V | undefined,
    options: FetcherOptions<FC>,
  ) => Promise<V | undefined> | V | undefined;
  /** Runs in the process that calls `memo`. */
  memoMethod?: (key: K, stale: V | undefined, options: { options: any; context: FC }) => V;
}

export interface LRUSetOptions<K, V> extends SyncSetOptions {
  sizeCalculation?: SizeCalculation<K, V>;
}

export interface LRUFetchOptions<FC = any> {
  context?: FC;
  forceRefresh?: boolean;
  signal?: AbortSignal;
  ttl?: number;
  size?: number;
}

export interface LRUMemoOptions<K, V, FC = any> extends SyncGetOptions, LRUSetOptions<K, V> {
  context?: FC;
  forceRefresh?: boolean;
}

export interface LRUCache<K extends CacheKey = CacheKey, V extends {} = any, FC = any>
  extends Omit<SyncCache<K, V>, 'set'> {
  readonly sizeCalculation: SizeCalculation<K, V> | undefined;
  readonly fetchMethod: LRUCacheOptions<K, V, FC>['fetchMethod'];
  readonly memoMethod: LRUCacheOptions<K, V, FC>['memoMethod'];
  /** The sizes of all entries, summed up by going over them. */
  readonly calculatedSize: number;
  /** Stores a value; `undefined` deletes. */
  set(key: K, value: V | undefined, options?: LRUSetOptions<K, V>): this;
  rkeys(): IterableIterator<K>;
  rvalues(): IterableIterator<V>;
  rentries(): IterableIterator<[K, V]>;
  rforEach(callback: (value: V, key: K, cache: this) => unknown, thisArg?: unknown): void;
  find(callback: (value: V, key: K, cache: this) => boolean, options?: SyncGetOptions): V | undefined;
  /** Removes the least recently used entry, and returns its value. */
  pop(): V | undefined;
  memo(key: K, options?: LRUMemoOptions<K, V, FC>): V;
  fetch(key: K, options?: LRUFetchOptions<FC>): Promise<V | undefined>;
  forceFetch(key: K, options?: LRUFetchOptions<FC>): Promise<V>;
  readonly [Symbol.toStringTag]: string;
}

export const LRUCache: {
  new <K extends CacheKey = CacheKey, V extends {} = any, FC = any>(
    options: LRUCacheOptions<K, V, FC>,
  ): LRUCache<K, V, FC>;
};

export { LRUCache as default };
