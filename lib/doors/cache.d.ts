/** `flotilla/cache`: the shared cache, in place of `@0xdoublesharp/lru-cache-clustered`. */

export type {
  BootstrapOptions,
  CacheKey,
  CacheOptions,
  Codec,
  Entry,
  FetchOptions,
  LocalStats,
  LRUCacheClusterOptions,
  MemoizeOptions,
  MSetEntry,
  ReadOptions,
  Stats,
  SyncCache,
  SyncGetOptions,
  SyncHasOptions,
  SyncPeekOptions,
  SyncSetOptions,
  TouchOptions,
  Usage,
  WrappedCache,
  WriteOptions,
} from '../../index.js';
export {
  LRUCacheClustered,
  LRUCacheClustered as default,
  LRUCacheForClustersAsPromised,
  memoize,
  wrap,
} from '../../index.js';
