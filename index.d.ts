/**
 * The contract of Flotilla, written by hand. It comes before the code: the JavaScript is checked against it
 * by `tsc`, and it is checked against the documents by the type tests in `__test__/types`.
 *
 * Sections: errors and versions; the cache; signals and scopes; the balancer; the lifecycle.
 *
 * No class here has a private member, and the `.d.mts` files only re-export this one: CommonJS and ES modules
 * see the same types.
 */

/// <reference types="node" />

import type { Socket } from 'node:net';

// -----------------------------------------------------------------------------------------------------------
// Errors and versions
// -----------------------------------------------------------------------------------------------------------

/** Every code that an error of Flotilla may carry. A code is never reused and never changes its meaning. */
export type FlotillaErrorCode =
  | 'FLOTILLA_ERR_INVALID_ARGUMENT'
  | 'FLOTILLA_ERR_OUT_OF_RANGE'
  | 'FLOTILLA_ERR_UNKNOWN_OPTION'
  | 'FLOTILLA_ERR_SIGNAL_CYCLE'
  | 'FLOTILLA_ERR_DUPLICATE_KEY'
  | 'FLOTILLA_ERR_SCOPE_DESTROYED'
  | 'FLOTILLA_ERR_NO_CANDIDATES'
  | 'FLOTILLA_ERR_INTERNAL'
  | 'FLOTILLA_ERR_NODE_VERSION'
  | 'FLOTILLA_ERR_RUNTIME_UNSUPPORTED'
  | 'FLOTILLA_ERR_PLATFORM_UNSUPPORTED'
  | 'FLOTILLA_ERR_ADDON_MISSING'
  | 'FLOTILLA_ERR_ADDON_NOT_BUNDLED'
  | 'FLOTILLA_ERR_ADDON_FOREIGN'
  | 'FLOTILLA_ERR_ADDON_VERSION'
  | 'FLOTILLA_ERR_EXPRESS_MISSING'
  | 'FLOTILLA_ERR_PEER_MISSING'
  | 'FLOTILLA_ERR_PEER_VERSION'
  | 'FLOTILLA_ERR_CONFLICTING_OPTIONS'
  | 'FLOTILLA_ERR_INVALID_SIZE'
  | 'FLOTILLA_ERR_NOT_A_NUMBER'
  | 'FLOTILLA_ERR_UPDATE_CONFLICT'
  | 'FLOTILLA_ERR_KEY_TOO_LARGE'
  | 'FLOTILLA_ERR_VALUE_TOO_LARGE'
  | 'FLOTILLA_ERR_OUT_OF_MEMORY'
  | 'FLOTILLA_ERR_TOO_MANY_NAMESPACES'
  | 'FLOTILLA_ERR_SEGMENT_UNAVAILABLE'
  | 'FLOTILLA_ERR_SEGMENT_UNREACHABLE'
  | 'FLOTILLA_ERR_SEGMENT_MISMATCH'
  | 'FLOTILLA_ERR_SEGMENT_DAMAGED'
  | 'FLOTILLA_ERR_LOCK_HELD'
  | 'FLOTILLA_ERR_TIER_CLIENT'
  | 'FLOTILLA_ERR_TIER_AWAY'
  | 'FLOTILLA_ERR_TIER_REFUSED'
  | 'FLOTILLA_ERR_TIER_SYNC'
  | 'FLOTILLA_ERR_VALUE_NOT_CLONEABLE'
  | 'FLOTILLA_ERR_FETCH_TIMEOUT'
  | 'FLOTILLA_ERR_FLIGHT_REVOKED'
  | 'FLOTILLA_ERR_SYNC_UNAVAILABLE'
  | 'FLOTILLA_ERR_IPC_UNAVAILABLE'
  | 'FLOTILLA_ERR_PRIMARY_ONLY'
  | 'FLOTILLA_ERR_MAIN_THREAD_ONLY'
  | 'FLOTILLA_ERR_NOT_PERMITTED'
  | 'FLOTILLA_ERR_BOOTSTRAP_TOO_LATE'
  | 'FLOTILLA_ERR_SERVER_STARTED'
  | 'FLOTILLA_ERR_SERVER_NOT_STARTED'
  | 'FLOTILLA_ERR_SERVER_NOT_READY'
  | 'FLOTILLA_ERR_RESOURCE_FAILED'
  | 'FLOTILLA_ERR_APP_FAILED'
  | 'FLOTILLA_ERR_ADDRESS_IN_USE'
  | 'FLOTILLA_ERR_HANDOFF_UNREACHABLE'
  | 'FLOTILLA_ERR_LISTEN_FAILED'
  | 'FLOTILLA_ERR_NO_PROGRAM'
  | 'FLOTILLA_ERR_WORKER_FAILED'
  | 'FLOTILLA_ERR_NOT_LISTENING'
  | 'FLOTILLA_ERR_ADDRESS_CHANGED'
  | 'FLOTILLA_ERR_LISTENS_TWICE'
  | 'FLOTILLA_ERR_USAGE'
  | 'FLOTILLA_ERR_PROGRAM_MISSING'
  | 'FLOTILLA_ERR_CONFIG_UNREADABLE'
  | 'FLOTILLA_ERR_NAME_TAKEN'
  | 'FLOTILLA_ERR_CONTROL_ABSENT'
  | 'FLOTILLA_ERR_CONTROL_REFUSED'
  | 'FLOTILLA_ERR_CONTROL_VERSION'
  | 'FLOTILLA_ERR_TEST_UNKNOWN'
  | 'FLOTILLA_ERR_SHUTDOWN_TIMEOUT';

/**
 * An error that Flotilla raises on purpose. A mistake of type or range is a `TypeError` or `RangeError`
 * instead, with the same three fields: tell errors apart by `code`.
 */
export class FlotillaError extends Error {
  constructor(code: FlotillaErrorCode, message: string, options?: { cause?: unknown });
  /** What went wrong, as a stable name. */
  readonly code: FlotillaErrorCode;
  /**
   * Who has to act: the calling code, the machine and its installation, or Flotilla, which then has a bug.
   */
  readonly fault: 'caller' | 'system' | 'flotilla';
  /** Whether the same call may succeed later, with nothing changed by the caller. */
  readonly retryCanHelp: boolean;
}

/** What is loaded in this process, for bug reports. */
export const versions: {
  /** The version of the JavaScript, which is the package's. */
  readonly flotilla: string;
  /** The version of the native addon. */
  readonly addon: string;
  /** The Node-API version that this Node.js offers. */
  readonly napi: string;
  /** The platform that the addon was built for, such as `x86_64-unknown-linux-gnu`. */
  readonly target: string;
};

// -----------------------------------------------------------------------------------------------------------
// The cache
// -----------------------------------------------------------------------------------------------------------

/**
 * What a key may be. Kept apart by type, as a `Map` does: `1` is not `'1'`, NaN is NaN, and -0 is 0.
 * Any other key is refused with a `TypeError`.
 */
export type CacheKey = string | number | boolean | bigint;

/**
 * Options of a cache. Without `max`, `maxSize` and `ttl`, `max` is 1000. The limits have the meaning of
 * lru-cache 11.
 */
export interface CacheOptions extends LoaderOptions {
  /**
   * The name of the cache. Instances of one name share one cache. Default `'default'`. An option that differs from the
   * existing cache's is refused, by an error that names every mismatch. An option that is left out is the existing cache's.
   */
  namespace?: string;
  /** How long a worker on the IPC transport waits for the primary's answer, in milliseconds. Default 100. */
  timeout?: number;
  /**
   * How a call ends that the primary has not answered within `timeout`. `'reject'` rejects with `Error('IPC timeout')`.
   * `'resolve'`, the default, resolves with `undefined`, whatever type the method declares: `incr` then gives no number, and
   * `has` neither `true` nor `false`. Both options are about the IPC transport alone.
   */
  failsafe?: 'resolve' | 'reject';
  /**
   * How long a call waits for a lock that another process keeps, in milliseconds, before it is refused with
   * `FLOTILLA_ERR_LOCK_HELD`. That process may be stopped, frozen or writing a core dump; a running one keeps a lock for
   * microseconds. Meanwhile the event loop goes on, but for calls of {@link LRUCacheClustered.sync}. Default 250.
   */
  lockTimeout?: number;
  /** The most entries to keep. */
  max?: number;
  /** The most that the sizes of all entries may add up to. Every write must then say its `size`. */
  maxSize?: number;
  /** The largest size of one entry; a larger one is not stored. Every write must then say its `size`. */
  maxEntrySize?: number;
  /** How long an entry lives, in milliseconds. Default: for ever. */
  ttl?: number;
  /** Return an expired value one last time, to the read that removes it. Default `false`. */
  allowStale?: boolean;
  /** Start the TTL anew when an entry is read. Default `false`. */
  updateAgeOnGet?: boolean;
  /** Start the TTL anew when `has` finds an entry. Default `false`. */
  updateAgeOnHas?: boolean;
  /** Leave an expired entry in place when it is read. Default `false`. */
  noDeleteOnStaleGet?: boolean;
  /** Remove entries at the time they expire. Default `false`: the next operation that comes upon an expired entry removes it. */
  ttlAutopurge?: boolean;
  /**
   * For programs written for lru-cache-clustered 2.1 and later, which configures a second cache in each worker by it. That
   * cache may be outdated for a while. Flotilla takes the option and does nothing with it: reads of the shared cache are as
   * fast, and never outdated.
   */
  localL1?: object;
  /** A second tier in Redis, for all machines of a fleet: what {@link redisTier} gives. Default: none. */
  tier?: Tier;
}

/** A second tier, as {@link redisTier} makes it. */
export interface Tier {
  /** What its keys in Redis begin with. */
  readonly prefix: string;
}

/** Options of {@link redisTier}. */
export interface RedisTierOptions {
  /** A connected client: one of ioredis 5 or 6, or of redis (node-redis) 5 or 6. It stays yours: quit it at the end. */
  client: object;
  /** What all keys in Redis begin with. Default `'flotilla:'`. */
  prefix?: string;
  /** How long an entry lives in Redis, in milliseconds, where its write says nothing. Default: the cache's `ttl`. */
  ttl?: number;
  /**
   * What the cache does while Redis does not answer. `'serve'`, the default: it goes on with what is in the memory of this
   * machine. `'miss'`: it has nothing, and fetchers run. `'reject'`: calls reject with `FLOTILLA_ERR_TIER_AWAY`.
   */
  whenAway?: 'serve' | 'miss' | 'reject';
  /** How long `'serve'` gives what it cannot verify, in milliseconds. Default 60,000. */
  serveFor?: number;
  /** How long a call waits for Redis, in milliseconds. Default 500. */
  timeout?: number;
  /** How often the connection that hears of changes is tried, in milliseconds. Default 1,000. */
  pingInterval?: number;
}

/** How the second tier of a cache does, as one process sees it. */
export interface TierStats {
  /** Reads that memory answered. */
  memory: number;
  /** Reads that Redis answered. */
  redis: number;
  /** Reads that found nothing in either. */
  misses: number;
  /** Calls that had to do without Redis. */
  alone: number;
  /** How often the machine has begun to hear of changes. */
  epoch: number;
  /** Whether it hears of them. */
  isUp: boolean;
  /** Whether this process is the one of the machine that hears. */
  isKeeper: boolean;
  /** Changes that it has heard of. */
  invalidations: number;
  /** Whether what is in memory is verified. */
  isTrusted: boolean;
  /** For how long it has not been, in milliseconds. */
  unverifiedFor: number;
  /** Whether calls go to Redis, are held off, or one tries. */
  breaker: 'closed' | 'open' | 'half-open';
}

/**
 * Redis or Valkey as the second tier of caches, by a client that you have connected.
 *
 * @throws FLOTILLA_ERR_TIER_CLIENT where the client is of an unknown kind, or is not connected.
 */
export function redisTier(options: RedisTierOptions): Tier;

/** The name that lru-cache-clustered has for {@link CacheOptions}. */
export type LRUCacheClusterOptions = CacheOptions;

/** Options of a write. */
export interface WriteOptions {
  /** This entry's lifetime in milliseconds. Default: the cache's `ttl`. */
  ttl?: number;
  /** This entry's size; required where the cache has `maxSize` or `maxEntrySize`. */
  size?: number;
  /**
   * Names of groups that the entry belongs to. `invalidateTags` removes all entries of a group at once. At most 128 names, each
   * of 1 to 1,024 characters. They replace the tags that the entry had before.
   */
  tags?: readonly string[];
}

/** Options of `update`. */
export interface UpdateOptions extends WriteOptions {
  /** How often `update` runs its function again because another value was stored meanwhile. Default 32. */
  retries?: number;
}

/** Options of a read, for programs that use `localL1`. They change nothing here: no read is outdated. */
export interface ReadOptions {
  bypassL1?: boolean;
}

/** Options of `touch`. */
export interface TouchOptions {
  /** The lifetime in milliseconds from now on. Default: the one that the entry has. */
  ttl?: number;
}

/** How `fetch` and `memoize` load: for one call, or in a cache's options for all calls of that instance. */
export interface LoaderOptions {
  /**
   * For this many milliseconds after its TTL, a value that `fetch` stored is returned at once, and one process refreshes it.
   * Default 0.
   */
  staleWhileRevalidate?: number;
  /** For this many milliseconds after its TTL, a value that `fetch` stored is returned when the fetcher fails. Default 0. */
  staleIfError?: number;
  /**
   * Refresh a value before it expires, by chance (XFetch). The chance grows with the time that the value took to compute, and
   * towards its expiry. A number above 1 makes the refresh earlier, one below 1 later. Default `false`.
   */
  refreshAhead?: boolean | number;
  /**
   * How many milliseconds to remember that a fetcher brought `undefined` or `null`. Both then mean "there is nothing", and
   * `fetch` resolves with `undefined`. Without this option they are an error.
   */
  negativeTtl?: number;
  /** After this many milliseconds the call resolves with the stale value, if there is one. The fetcher goes on. */
  softTimeout?: number;
  /** After this many milliseconds the call rejects with `FLOTILLA_ERR_FETCH_TIMEOUT`. The fetcher goes on, and its value is stored. */
  hardTimeout?: number;
  /** Shorten each TTL at random by up to this fraction, so that values stored together expire apart. Default 0. */
  jitter?: number;
}

/** Options of `fetch` and of `memoize`. */
export interface FetchOptions extends Omit<WriteOptions, 'tags'>, ReadOptions, LoaderOptions {
  /** The tags, as for `set`, or a function that gets the fetched value and returns them. */
  tags?: readonly string[] | ((value: any) => readonly string[] | undefined);
  /** Start a new fetch, whatever is in the cache and whichever fetch is under way. Default `false`. */
  forceRefresh?: boolean;
  /**
   * How long one caller may lead the flight of a key, in milliseconds. After that another caller leads, and a late result of the
   * first is stored neither over a newer value nor after a change of the key. When the process of the leader dies, another
   * caller leads at once. Default 30000.
   */
  lease?: number;
  /** When this signal fires, the call rejects with the signal's reason. The fetcher goes on, and its value is stored. */
  signal?: AbortSignal;
}

/** The name that lru-cache-clustered has for the options of `memoize`. */
export type MemoizeOptions = FetchOptions;

/** What `mSet` stores: a key, a value, and options of this entry alone. */
export type MSetEntry<K extends CacheKey = CacheKey, V extends {} = any> =
  | readonly [K, V]
  | readonly [K, V, WriteOptions];

/** What `localStats` returns: `enabled` is `false` and every count 0, for there is no cache before the shared one. */
export interface LocalStats {
  enabled: boolean;
  hits: number;
  misses: number;
  sets: number;
  invalidations: number;
  evictions: number;
  staleHits: number;
  size: number;
  ipcAvoided: number;
}

/** What a fetcher gets beside its key. */
export interface FetchContext<V = any> {
  /**
   * Fires when the fetcher's value will not be stored any more: its key was changed on purpose, another caller leads the
   * flight, or the time of the option `lease` is up. The reason is a `FLOTILLA_ERR_FLIGHT_REVOKED`. The fetcher may then stop
   * and reject. Where the key was changed or another caller leads, the callers get the newer value, and nobody gets the error.
   */
  readonly signal: AbortSignal;
  /** The stale value, if one is being refreshed. */
  readonly stale: V | undefined;
}

/** What brings a value that is not in the cache. */
export type Fetcher<K extends CacheKey = CacheKey, V = any> = (
  key: K,
  context: FetchContext<V>,
) => V | PromiseLike<V>;

/** An entry as `dump` and `info` return it and `load` takes it: the shape of lru-cache 11. */
export interface Entry<V> {
  value: V;
  /** The lifetime in milliseconds: of the whole entry in a dump, what is left of it from `info`. */
  ttl?: number;
  /** When that lifetime began, by `Date.now()`. */
  start?: number;
  size?: number;
  /** In a dump: its tags. */
  tags?: readonly string[];
  /** In a dump: its version, if `getWithVersion` has returned it. */
  version?: string;
  /** In a dump: for how many milliseconds past its TTL the value may still be given, as a `fetch` with `staleWhileRevalidate` or `staleIfError` stored it. */
  grace?: number;
  /** In a dump: how many milliseconds it took to compute, which `refreshAhead` goes by. */
  delta?: number;
}

/** Counts since the namespace was created. */
export interface Stats {
  hits: number;
  misses: number;
  sets: number;
  deletes: number;
  evictions: number;
  /** Entries now. */
  size: number;
  namespace: string;
}

/** The memory that a namespace takes, and its accidents. */
export interface Usage {
  /** How this process reaches the cache. */
  transport: 'shared' | 'ipc';
  entries: number;
  /** Bytes of the keys and values of the namespace. */
  bytes: number;
  /** Further bytes: metadata, and the unused end of the last block of each value. */
  overheadBytes: number;
  /** Bytes of memory that the segment takes up, all namespaces together. */
  segmentBytes: number;
  /** Entries removed because the memory was full; those removed for a limit of the cache are not among them. */
  memoryEvictions: number;
  /** How often a process died inside an operation and the namespace had to be cleared. */
  recoveries: number;
}

/** Options of `LRUCacheClustered.bootstrap`. */
export interface BootstrapOptions {
  /**
   * The most memory that all caches together may take: bytes, or text such as `'512mb'`.
   * Default: a quarter of what this process may use, a cgroup's limit included.
   */
  memory?: number | string;
  /**
   * How workers reach the cache: through shared memory or by messages to the primary. Default `'auto'`, which
   * is `'shared'` where it can be had; the environment variable `FLOTILLA_TRANSPORT` changes that default.
   */
  transport?: 'auto' | 'shared' | 'ipc';
}

/** Options of the synchronous `get`. Each overrides the cache's option of that name. */
export interface SyncGetOptions {
  allowStale?: boolean;
  updateAgeOnGet?: boolean;
  noDeleteOnStaleGet?: boolean;
}

/** Options of the synchronous `has`. It overrides the cache's option of that name. */
export interface SyncHasOptions {
  updateAgeOnHas?: boolean;
}

/** Options of the synchronous `peek`. It overrides the cache's option of that name. */
export interface SyncPeekOptions {
  allowStale?: boolean;
}

/** Options of the synchronous `set`. */
export interface SyncSetOptions extends WriteOptions {
  /** When the lifetime began, by `Date.now()`. Default: now. */
  start?: number;
}

/**
 * The same cache without promises, with the names of lru-cache. In a worker on the IPC transport each use throws
 * `FLOTILLA_ERR_SYNC_UNAVAILABLE`. Nullish keys and values throw a `TypeError`.
 */
export interface SyncCache<K extends CacheKey = CacheKey, V extends {} = any> {
  /** The value, or `undefined`. Makes the entry the most recently used. */
  get(key: K, options?: SyncGetOptions): V | undefined;
  /** Stores a value, and returns the view. A value larger than `maxEntrySize` or `maxSize` is not stored: the key is then gone. */
  set(key: K, value: V, options?: SyncSetOptions): this;
  /** Stores a value unless the key exists; `true` if it was stored. */
  setIfAbsent(key: K, value: V, options?: WriteOptions): boolean;
  /** Whether there is an unexpired entry. */
  has(key: K, options?: SyncHasOptions): boolean;
  /** The value, or `undefined`; changes no recency. */
  peek(key: K, options?: SyncPeekOptions): V | undefined;
  /** Removes an entry; `true` if there was one. */
  delete(key: K): boolean;
  /** Removes all entries. */
  clear(): void;
  /** Keys, most recently used first. */
  keys(): IterableIterator<K>;
  /** Values, most recently used first. */
  values(): IterableIterator<V>;
  /** Pairs, most recently used first. */
  entries(): IterableIterator<[K, V]>;
  [Symbol.iterator](): IterableIterator<[K, V]>;
  /** Calls back with each unexpired entry, most recently used first. */
  forEach(callback: (value: V, key: K, cache: SyncCache<K, V>) => unknown, thisArg?: unknown): void;
  /** How many entries there are, expired and not yet removed ones included. */
  readonly size: number;
  /** The limits and flags as they are now; a limit of 0 means that there is none. Setting `ttl` or `allowStale` sets it for all processes. */
  readonly max: number;
  readonly maxSize: number;
  readonly maxEntrySize: number;
  ttl: number;
  allowStale: boolean;
  readonly updateAgeOnGet: boolean;
  readonly updateAgeOnHas: boolean;
  readonly noDeleteOnStaleGet: boolean;
  readonly ttlAutopurge: boolean;
  /** Removes expired entries; `true` if there were any. */
  purgeStale(): boolean;
  /** Milliseconds until expiry: `Infinity` without a TTL, 0 where there is no entry. */
  getRemainingTTL(key: K): number;
  /**
   * Adds to a counter and returns its new value. `amount` is 1 by default. A `ttl` has an effect when the counter is made, and
   * none later.
   */
  incr(key: K, amount?: number, options?: WriteOptions): number;
  /** Subtracts from a counter and returns its new value, as `incr` does. */
  decr(key: K, amount?: number, options?: WriteOptions): number;
  /** As `incr`, with the rest of the counter's lifetime in whole milliseconds: Infinity where it has none. */
  incrWithTtl(key: K, amount?: number, options?: WriteOptions): { value: number; ttl: number };
  /** Removes an entry and returns its value. Of several callers at once, one gets it. */
  take(key: K): V | undefined;
  /** The value and its version. The version changes whenever a value is stored under the key. */
  getWithVersion(key: K): { value: V; version: string } | undefined;
  /**
   * Stores the value if the entry still has this version. `undefined` as the version means that there must be no entry.
   * `true` if it was stored.
   */
  setIfVersion(key: K, value: V, version: string | undefined, options?: WriteOptions): boolean;
  /**
   * Calls the function with the present value and stores what it returns. If another value was stored meanwhile, the function
   * runs again with that one. If it returns `undefined`, nothing is stored. The result is the value that is there in the end.
   */
  update(key: K, fn: (value: V | undefined) => V | undefined, options?: UpdateOptions): V | undefined;
  /** Removes all entries that have one of these tags, in one step however many they are. */
  invalidateTags(tags: readonly string[]): void;
  /** Starts an entry's lifetime anew without touching its value; `false` if there is no entry. */
  touch(key: K, options?: TouchOptions): boolean;
  /** A snapshot that `load` takes. */
  dump(): [K, Entry<V>][];
  /** Replaces all entries by those of a snapshot, remaining TTLs included. */
  load(entries: Iterable<readonly [K, Entry<V>]>): void;
  /** An entry's value and metadata, or `undefined`. */
  info(key: K): Entry<V> | undefined;
}

/**
 * One LRU cache for all processes of a cluster. Every method works in the primary and in workers, on the same
 * entries.
 *
 * A value may be of any structured-cloneable type. A function or a symbol inside a value rejects with a `TypeError` that names
 * the key and the path to it. Nullish keys and values reject with a `TypeError`.
 *
 * The types are those of a call that was answered. In a worker on the IPC transport, a call that was not answered in time resolves
 * with `undefined` unless {@link CacheOptions.failsafe} is `'reject'`.
 */
export class LRUCacheClustered<K extends CacheKey = CacheKey, V extends {} = any> {
  /**
   * Throws where the options conflict with those the namespace already has. In a worker the constructor does not
   * throw for that: `getInstance()`, `healthCheck()` and each use reject.
   */
  constructor(options?: CacheOptions);

  /**
   * Says how much memory the caches may take and how workers reach them. The primary makes its memory when the library is
   * loaded; a call with `memory` replaces it. Call it before the first cache and before `cluster.fork()`; later, and a second
   * time with other options, it throws. In a worker it does nothing.
   */
  static bootstrap(options?: BootstrapOptions): void;
  /** Makes an instance and waits until its namespace exists. Rejects if it cannot, whatever `failsafe` says. */
  static getInstance<K extends CacheKey = CacheKey, V extends {} = any>(
    options?: CacheOptions,
  ): Promise<LRUCacheClustered<K, V>>;
  /** All namespaces, as they are at each look: `delete(namespace)` and `clear()` remove the caches themselves. Throws in a worker. */
  static getAllCaches(): Map<string, SyncCache>;

  /** The same cache without promises. */
  readonly sync: SyncCache<K, V>;
  /** Resolves when a worker has sent its registration. It never rejects: `getInstance()` and `healthCheck()` do. */
  readonly ready: Promise<void>;
  /** The name of the cache. */
  readonly namespace: string;
  /** How long a worker waits for the primary on the IPC transport, in milliseconds. */
  readonly timeout: number;
  /** How a call ends that was not answered in that time. */
  readonly failsafe: 'resolve' | 'reject';

  /** The value, or `undefined`. */
  get(key: K, options?: ReadOptions): Promise<V | undefined>;
  /**
   * Stores a value; `true` if it was stored. `false` means that it is larger than `maxEntrySize` or `maxSize`: it was not stored, and
   * an older value of the key is gone.
   */
  set(key: K, value: V, options?: WriteOptions): Promise<boolean>;
  /** Stores a value unless the key exists, in one step for the whole cluster; `false` if it does. */
  setIfAbsent(key: K, value: V, options?: WriteOptions): Promise<boolean>;
  /** Removes an entry; `true` if there was one. */
  delete(key: K): Promise<boolean>;
  /** Whether there is an unexpired entry. */
  has(key: K, options?: ReadOptions): Promise<boolean>;
  /** The value, or `undefined`; changes no recency. */
  peek(key: K, options?: ReadOptions): Promise<V | undefined>;
  /** Removes all entries. */
  clear(): Promise<void>;

  /** The values of several keys, in a map that has every key; a missing one has `undefined`. */
  mGet(keys: Iterable<K>, options?: ReadOptions): Promise<Map<K, V | undefined>>;
  /** Stores several values. An entry's own options override those of the call. */
  mSet(entries: Iterable<MSetEntry<K, V>>, options?: WriteOptions): Promise<void>;
  /** Removes several entries. */
  mDelete(keys: Iterable<K>): Promise<void>;

  /** Keys, most recently used first. */
  keys(): Promise<K[]>;
  /** Values, most recently used first. */
  values(): Promise<V[]>;
  /** Pairs, most recently used first. */
  entries(): Promise<[K, V][]>;
  /** `for await (const [key, value] of cache)`, over a copy made at its start. */
  [Symbol.asyncIterator](): AsyncIterableIterator<[K, V]>;
  /** A snapshot that `load` takes. */
  dump(): Promise<[K, Entry<V>][]>;
  /** Replaces all entries by those of a snapshot, remaining TTLs included. */
  load(entries: Iterable<readonly [K, Entry<V>]>): Promise<void>;
  /** How many entries there are. */
  size(): Promise<number>;

  /**
   * Adds to a counter, in one step for the whole cluster, and resolves with its new value. `amount` is 1 by default. A `ttl` has
   * an effect when the counter is made, and none later. In a worker on the IPC transport it may resolve with `undefined`: see
   * {@link CacheOptions.failsafe}.
   */
  incr(key: K, amount?: number, options?: WriteOptions): Promise<number>;
  /** Subtracts from a counter, as `incr` adds to it. */
  decr(key: K, amount?: number, options?: WriteOptions): Promise<number>;
  /** As `incr`, with the rest of the counter's lifetime in whole milliseconds: Infinity where it has none. */
  incrWithTtl(key: K, amount?: number, options?: WriteOptions): Promise<{ value: number; ttl: number }>;
  /** Removes an entry and returns its value. Of several callers at once, one gets it. */
  take(key: K): Promise<V | undefined>;
  /** The value and its version. The version changes whenever a value is stored under the key. */
  getWithVersion(key: K): Promise<{ value: V; version: string } | undefined>;
  /**
   * Stores the value if the entry still has this version. `undefined` as the version means that there must be no entry.
   * `true` if it was stored.
   */
  setIfVersion(key: K, value: V, version: string | undefined, options?: WriteOptions): Promise<boolean>;
  /**
   * Calls the function with the present value and stores what it returns. If another value was stored meanwhile, the function
   * runs again with that one. If it returns `undefined`, nothing is stored. The result is the value that is there in the end.
   */
  update(
    key: K,
    fn: (value: V | undefined) => V | undefined | PromiseLike<V | undefined>,
    options?: UpdateOptions,
  ): Promise<V | undefined>;
  /** Removes all entries that have one of these tags, in one step however many they are. */
  invalidateTags(tags: readonly string[]): Promise<void>;
  /**
   * The value of the key. If there is none, the fetcher brings it, and it is stored. One fetcher runs for all callers of a key, in
   * all processes. If the key is changed on purpose while it runs, its value is not stored: callers from before the change
   * get it, callers from after the change do not. Rejects with the fetcher's error. A fetcher that brings a nullish value
   * rejects with a `TypeError`, unless there is a `negativeTtl`.
   */
  fetch(
    key: K,
    fetcher: Fetcher<K, V | null | undefined>,
    options: FetchOptions & { negativeTtl: number },
  ): Promise<V | undefined>;
  fetch(key: K, fetcher: Fetcher<K, V>, options?: FetchOptions): Promise<V>;

  /**
   * Starts an entry's lifetime anew and makes it the most recently used, in one step for the whole cluster. Its value stays as it
   * is, also where another process has just stored it. `false` if there is no entry.
   */
  touch(key: K, options?: TouchOptions): Promise<boolean>;
  /** Milliseconds until expiry: `Infinity` without a TTL, 0 where there is no entry. */
  getRemainingTTL(key: K): Promise<number>;
  /** Removes expired entries; `true` if there were any. */
  purgeStale(): Promise<boolean>;
  /** Resolves if the namespace answers. Rejects if it does not, whatever `failsafe` says. */
  healthCheck(): Promise<void>;
  /** Counts since the namespace was created. */
  stats(): Promise<Stats>;
  /** The memory that the namespace takes. */
  usage(): Promise<Usage>;
  /** How the second tier does; `undefined` where the cache has none. */
  tierStats(): TierStats | undefined;
  /**
   * Removes the namespace with its counts and flights. An instance that is used afterwards makes the namespace anew, with the
   * options that the instance was made with.
   */
  destroy(): Promise<boolean>;
  /**
   * The synchronous view in the primary, `undefined` where the namespace does not exist. Throws in a worker.
   */
  getCache(): SyncCache<K, V> | undefined;

  /** The most entries to keep; with a value, sets it. Entries and remaining TTLs stay. */
  max(value?: number): Promise<number>;
  /** The lifetime of entries in milliseconds; with a value, sets it for those to come. */
  ttl(value?: number): Promise<number>;
  /** Whether expired values are returned once more; with a value, sets it. */
  allowStale(value?: boolean): Promise<boolean>;

  /** For programs that use `localL1`: returns the instance itself, for no read of it is outdated. */
  withoutLocal(): this;
  /** For programs that use `localL1`: says that there is none. */
  localStats(): LocalStats;
  /** For programs that use `localL1`: takes listeners for `l1:hit` and the like. These events never come. */
  on(event: `l1:${string}`, listener: (details: { namespace: string; key: K }) => void): this;
  once(event: `l1:${string}`, listener: (details: { namespace: string; key: K }) => void): this;
  off(event: `l1:${string}`, listener: (details: { namespace: string; key: K }) => void): this;
}

/** The long name of {@link LRUCacheClustered}: the same class. */
export { LRUCacheClustered as LRUCacheForClustersAsPromised };

/** How values of type `V` are stored as values of type `S`. Both functions may be async. */
export interface Codec<V, S extends {}> {
  encode(value: V): S | PromiseLike<S>;
  decode(stored: S): V | PromiseLike<V>;
}

/**
 * A cache whose values pass through a codec. Each method does what that of {@link LRUCacheClustered} does. The methods that take
 * numbers or the stored form (`incr`, `decr`, `dump`, `load`) are those of `cache`.
 */
export interface WrappedCache<K extends CacheKey, V, S extends {} = any> {
  /** The cache that holds the stored form. */
  readonly cache: LRUCacheClustered<K, S>;
  /** The name of that cache. */
  readonly namespace: string;
  /** That of the cache. */
  readonly ready: Promise<void>;
  get(key: K, options?: ReadOptions): Promise<V | undefined>;
  set(key: K, value: V, options?: WriteOptions): Promise<boolean>;
  setIfAbsent(key: K, value: V, options?: WriteOptions): Promise<boolean>;
  take(key: K): Promise<V | undefined>;
  getWithVersion(key: K): Promise<{ value: V; version: string } | undefined>;
  setIfVersion(key: K, value: V, version: string | undefined, options?: WriteOptions): Promise<boolean>;
  update(
    key: K,
    fn: (value: V | undefined) => V | undefined | PromiseLike<V | undefined>,
    options?: UpdateOptions,
  ): Promise<V | undefined>;
  invalidateTags(tags: readonly string[]): Promise<void>;
  peek(key: K, options?: ReadOptions): Promise<V | undefined>;
  mGet(keys: Iterable<K>, options?: ReadOptions): Promise<Map<K, V | undefined>>;
  mSet(
    entries: Iterable<readonly [K, V] | readonly [K, V, WriteOptions]>,
    options?: WriteOptions,
  ): Promise<void>;
  values(): Promise<V[]>;
  entries(): Promise<[K, V][]>;
  [Symbol.asyncIterator](): AsyncIterableIterator<[K, V]>;
  fetch(
    key: K,
    fetcher: Fetcher<K, V | null | undefined>,
    options: FetchOptions & { negativeTtl: number },
  ): Promise<V | undefined>;
  fetch(key: K, fetcher: Fetcher<K, V>, options?: FetchOptions): Promise<V>;
  has(key: K, options?: ReadOptions): Promise<boolean>;
  delete(key: K): Promise<boolean>;
  keys(): Promise<K[]>;
  size(): Promise<number>;
  clear(): Promise<void>;
  destroy(): Promise<boolean>;
  healthCheck(): Promise<void>;
  purgeStale(): Promise<boolean>;
  getRemainingTTL(key: K): Promise<number>;
  stats(): Promise<Stats>;
}

/** Puts a codec over a cache. An error of the codec rejects the call it happened in. */
export function wrap<K extends CacheKey, S extends {}, V>(
  cache: LRUCacheClustered<K, S>,
  codec: Codec<V, S>,
): WrappedCache<K, V, S>;

/**
 * Makes a function that returns the cached value of its key, and calls `fn` where there is none: once for all callers of that key.
 * The cache may be a wrapped one. `fn` gets the arguments unchanged, and a {@link FetchContext} as `this`. The function rejects with
 * the error of `fn`, and with a `TypeError` for a nullish key.
 */
export function memoize<K extends CacheKey, V, A extends unknown[]>(
  cache: { fetch(key: K, fetcher: Fetcher<K, V>, options?: FetchOptions): Promise<V> },
  fn: (this: FetchContext<NoInfer<V>>, ...args: A) => NoInfer<V> | PromiseLike<NoInfer<V>>,
  keyFn: (...args: A) => NoInfer<K>,
  options?: FetchOptions,
): (...args: A) => Promise<V>;

/** Options of a bus. */
export interface BusOptions {
  /** How many messages are kept for readers that are behind. Default 10,000. All instances of a name have to agree. */
  max?: number;
}

/** Options of a subscription. */
export interface SubscribeOptions {
  /** Go on after the message that has this offset. Default: with what is published from now on. */
  from?: string;
  /**
   * Called, before the next message, with how many messages the reader cannot get any more. Infinity means that nobody knows how
   * many, because the memory was emptied meanwhile.
   */
  onMissed?: (count: number) => unknown;
}

/** Messages from any process to all that listen, in one order. */
export interface Bus<M = any> {
  /** The name of the bus: those of one name are one. */
  readonly name: string;
  /**
   * Resolves with the offset of the message, when all readers can get it. A message is anything that a value of the cache can be, and
   * null.
   */
  publish(message: M): Promise<string>;
  /**
   * Calls the listener with each message and its offset, in the order of the offsets, also with those that this process publishes. The next
   * message waits for what the listener returns. Resolves, once nothing is missed any more, with what ends the subscription.
   */
  subscribe(
    listener: (message: M, offset: string) => unknown,
    options?: SubscribeOptions,
  ): Promise<() => void>;
  /** The messages after the one that has this offset, and how many of them are gone. */
  read(from: string): Promise<{ messages: [message: M, offset: string][]; missed: number }>;
}

/** Makes the bus of a name, for all processes of the cluster. */
export function createBus<M = any>(name: string, options?: BusOptions): Bus<M>;

// -----------------------------------------------------------------------------------------------------------
// Signals and scopes
// -----------------------------------------------------------------------------------------------------------

/** A value that can be read and watched. */
export interface Subscribable<T> {
  /** The value: within `runInScope` that of the scope, elsewhere the global one. */
  get(): T;
  /** Calls back with each new value from now on. Returns a function that ends the subscription. */
  subscribe(cb: (value: T) => void): () => void;
}

/** A value that can also be written. */
export interface Signal<T> extends Subscribable<T> {
  /** Writes a value: within `runInScope` to the scope alone, elsewhere the global one. */
  set(value: T): void;
  /** Writes what the function returns for the present value. */
  update(fn: (value: T) => T): void;
}

/** Options of a signal. */
export interface SignalOptions<T> {
  /** Whether two values count as the same, so that no subscriber is called. Default `Object.is`. */
  equals?(a: T, b: T): boolean;
  /** The signal's name in a serialized scope. Default: a name by order of creation. A name that is taken throws. */
  key?: string;
  /** How the value is written into a serialized scope and read from it; `false` keeps it out. Default: unchanged. */
  serialize?: false | { write(v: T): unknown; read(j: unknown): T };
}

/** Options of a computed value. */
export interface ComputedOptions<T> {
  /** Whether two values count as the same, so that no subscriber is called. Default `Object.is`. */
  equals?(a: T, b: T): boolean;
}

/**
 * Values of signals that hold inside one scope. A read finds the scope's own value, else its parent's, else the global one, as they
 * are at that moment.
 */
export interface Scope {
  /** A child scope. */
  fork(): Scope;
  /** The value that a signal or a computed has in this scope. */
  get<T>(s: Subscribable<T>): T;
  /** Gives a signal a value in this scope. */
  set<T>(s: Signal<T>, v: T): void;
  /** Own and inherited values by key, those of the child first. */
  serialize(): Record<string, unknown>;
}

/** Options of `createScope`. */
export interface ScopeOptions {
  /** Values to begin with, by the keys of their signals. */
  values?: Record<string, unknown>;
}

/** Makes a signal. */
export function signal<T>(initial: T, options?: SignalOptions<T>): Signal<T>;
/** Makes a value that is computed from others when it is read. An error of `fn` is kept and thrown at each read. A cycle throws. */
export function computed<T>(fn: () => T, options?: ComputedOptions<T>): Subscribable<T>;
/**
 * Runs a function now, and again whenever a value that it read has changed. A function that it returns runs before each further
 * run and at the end. Returns a function that ends the effect.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: an effect may return nothing, or what cleans up.
export function effect(fn: () => void | (() => void)): () => void;
/** Holds effects and subscribers back until the function is done, and returns what it returns. */
export function batch<T>(fn: () => T): T;
/** Runs a function whose reads make no dependencies. */
export function untracked<T>(fn: () => T): T;
/** Makes a scope with no parent. */
export function createScope(options?: ScopeOptions): Scope;
/**
 * Runs a function in a scope, which then follows it through `await`, timers and streams. Returns what the
 * function returns.
 */
export function runInScope<T>(scope: Scope, fn: () => T): T;
/** Own and inherited values of a scope by key. The same as `scope.serialize()`. */
export function serializeScope(scope: Scope): Record<string, unknown>;
/** Gives a scope the values that `serializeScope` took from another. */
export function hydrateScope(scope: Scope, data: Record<string, unknown>): void;

/** Options of `serializeToScript`. */
export interface SerializeToScriptOptions {
  /** The `id` of the element. Default `'flotilla-scope'`. */
  id?: string;
}

/**
 * The values of a scope as a `<script type="application/json">` element, escaped so that no value can end it
 * or run. In the page: `hydrateScope(scope,
 * JSON.parse(document.getElementById('flotilla-scope').textContent))`.
 */
export function serializeToScript(scope: Scope, options?: SerializeToScriptOptions): string;

/** Options of `createServerScope`. */
export interface ServerScopeOptions {
  /** How long a scope lives after its last use, in milliseconds. Default 300000. */
  readonly ttl?: number;
  /** How many scopes are kept; beyond that the least recently used goes. Default 10000. */
  readonly maxEntries?: number;
  /** Called once for each scope that is no longer tracked, whatever the reason. */
  readonly onEvict?: (scopeId: string) => void;
}

/** A scope of one request. Its own forks are plain scopes, which are not tracked. */
export interface ManagedScope extends Scope {
  /** `ss_0`, `ss_1` and so on, counted per server scope. */
  readonly id: string;
}

/**
 * The root of all requests' scopes: values set on it are inherited by every one. It has no timers.
 * After `destroy()` every method throws `Error('ServerScope has been destroyed')`.
 */
export interface ServerScope extends Scope {
  /** Makes a tracked scope. Expired scopes are let go first and, at capacity, the least recently used one. */
  fork(): ManagedScope;
  /** A tracked scope by its id. Touches it: its TTL starts anew. */
  getScope(id: string): ManagedScope | undefined;
  /** Stops tracking a scope; `true` if it was tracked. Code that holds the scope may go on using it. */
  dispose(id: string): boolean;
  /** How many scopes are tracked. */
  readonly size: number;
  /** Lets all scopes go, and ends the server scope. */
  destroy(): void;
  get<T>(subscribable: Subscribable<T>): T;
  set<T>(sig: Signal<T>, value: T): void;
  serialize(): Record<string, unknown>;
}

/** Makes a server scope. Throws a `TypeError` or `RangeError` for options out of range. */
export function createServerScope(options?: ServerScopeOptions): ServerScope;

/**
 * What `scopeMiddleware` and `scopePlugin` add to a request. Declare it in a program of TypeScript by
 * `declare global { namespace Express { interface Request extends ScopedRequest {} } }`: Flotilla leaves global types alone.
 */
export interface ScopedRequest {
  scope: ManagedScope;
}

/**
 * Middleware for Express and Connect: forks a scope for each request, sets `req.scope`, runs what follows in
 * it, and disposes of it when the response is finished or the client has gone.
 */
export function scopeMiddleware(
  serverScope: ServerScope,
): (request: object, response: object, next: (error?: unknown) => void) => void;

/**
 * The same for Fastify: `fastify.register(scopePlugin(serverScope))`. It holds for all routes, not only for
 * those of a plugin.
 */
export function scopePlugin(
  serverScope: ServerScope,
): (instance: object, options: unknown, done: (error?: Error) => void) => void;

// -----------------------------------------------------------------------------------------------------------
// The balancer
// -----------------------------------------------------------------------------------------------------------

/** An object that works like an Express application: its `listen` binds a port. */
export type ExpressLike = {
  listen: (...args: any[]) => any;
  disable?: (name: string) => void;
  use?: (...args: any[]) => any;
  get?: (...args: any[]) => any;
  post?: (...args: any[]) => any;
  put?: (...args: any[]) => any;
  patch?: (...args: any[]) => any;
  delete?: (...args: any[]) => any;
  options?: (...args: any[]) => any;
  head?: (...args: any[]) => any;
  all?: (...args: any[]) => any;
} & Record<string, unknown>;

/**
 * Any application that can be served: Express, Connect, Koa, Fastify, Hono, a plain `http.Server` or
 * `https.Server`, a function of request and response, or whatever has `listen(port, host, callback)`.
 */
export type ServerApp =
  | ExpressLike
  | { listen: (...args: any[]) => any }
  | { callback: () => (request: any, response: any) => unknown }
  | FetchApp
  | ((request: any, response: any, ...rest: any[]) => unknown);

/**
 * An application in the manner of the web, such as one of Hono’s: it brings a `Response` for a `Request`, whose signal fires when the
 * client has gone. Its `fetch` alone is an application, too, where it takes one argument. `environment` has Node's own request and
 * response, as `incoming` and `outgoing`.
 */
export type FetchApp = { fetch: (request: any, environment?: any, ...rest: any[]) => unknown };

/** What a factory returns: an application, alone or with what closes all that was opened for it. */
export type MadeApp =
  | ServerApp
  | {
      app: ServerApp;
      /**
       * Called when the application has answered its last request, and awaited. It has the rest of
       * `gracefulShutdownTimeoutMs`, and at least a second of it. If it fails, the exit code is 1.
       */
      close?: () => unknown;
    };

/** Makes an application. A function that takes no argument is one; what answers requests takes two. */
export type ServerFactory = () => MadeApp | PromiseLike<MadeApp>;

/** Takes the messages of the library. */
export type LoggerLike = {
  debug: (...args: unknown[]) => void;
  info: (...args: unknown[]) => void;
  warn: (...args: unknown[]) => void;
  error: (...args: unknown[]) => void;
};

/** The head of an HTTP/1 request: as much of it as had come when the connection was assigned. */
export type ParsedRequest = {
  /** `GET`, `POST` and so on; absent if the head could not be read. */
  method?: string;
  /** The request target, query string included. */
  path?: string;
  /** Such as `"1.1"`. */
  httpVersion?: string;
  /** The `Host` header; on a TLS connection the host that the client asks for (SNI). */
  host?: string;
  /** Names in lower case, values without surrounding space; repeated ones joined as Node joins them. */
  headers: Record<string, string>;
  /** The client's address. */
  remoteAddress?: string;
  /** The client's port. */
  remotePort?: number;
  /** `"unknown"` if the request line could not be read. */
  protocol: 'http1' | 'unknown';
  /** The bytes of the head, as `latin1`. */
  rawHead: string;
};

/** What a worker uses, by its last report. */
export type WorkerRuntimeStats = {
  /** The process id. */
  pid: number;
  /** CPU use in percent of one core; above 100 where threads use more. */
  cpuPercent: number;
  /** Resident memory. */
  rssBytes: number;
  /** V8 heap in use. */
  heapUsedBytes: number;
  /** Size of the V8 heap. */
  heapTotalBytes: number;
  /** Memory outside the heap that V8 counts. */
  externalBytes: number;
  /** The part of it in ArrayBuffers. */
  arrayBuffersBytes: number;
  /** How long the process has been up. */
  uptimeMs: number;
  /** Connections the application has open. */
  activeConnections: number;
  /** When this was taken, by `Date.now()`. */
  sampledAt: number;
  /** Requests that are being answered. */
  inFlightRequests?: number;
  /** How many requests have come since the worker’s start, where they are counted. */
  servedRequests?: number;
  /** How late the event loop runs, in milliseconds; it grows while the loop is blocked. */
  eventLoopLagMs?: number;
};

/** A worker that a connection may go to. */
export type BackendCandidate = {
  /** Stable: `"worker-0"` and so on. */
  id: string;
  /** Its place in the pool, from zero. */
  workerIndex: number;
  /** The address it listens on. */
  host: string;
  /** The port it listens on. */
  port: number;
  /** Its process id, once it has reported. */
  pid?: number;
  /** Whether it can serve. */
  healthy: boolean;
  /** Whether it has reported that it is ready. */
  ready: boolean;
  /** The time of its last report, by `Date.now()`. */
  lastHeartbeatAt?: number;
  /** Connections now assigned to it, handed over or forwarded. */
  activeProxyConnections: number;
  /** What it last reported. */
  stats?: WorkerRuntimeStats;
};

/** What a strategy gets for each connection. */
export type LoadBalancerContext = {
  /** The workers to choose from, all healthy and ready. */
  candidates: BackendCandidate[];
  /** The head of the first request. */
  request: ParsedRequest;
  /** The client's socket, for its addresses. */
  socket: Socket;
  /** A counter that grows by one with each connection. */
  previousIndex: number;
};

/**
 * A strategy: returns one of the candidates, or a promise of one. If it throws or returns something else, the default strategy
 * chooses, and the logger gets a warning.
 */
export type LoadBalancerFunction = (
  context: LoadBalancerContext,
) => BackendCandidate | Promise<BackendCandidate>;

/** Values of the dimensions of a metric. */
export type TelemetryAttributes = Record<string, string | number | boolean | undefined>;

/** Where metrics go. A sink of `defuss-open-telemetry` is one. */
export interface TelemetrySink {
  /** Adds to a counter. `value` is 1 by default. */
  incrementCounter(name: string, value?: number, attributes?: TelemetryAttributes): void;
  /** Records one measurement. */
  recordHistogram(name: string, value: number, attributes?: TelemetryAttributes): void;
  /** Sets the present value of a gauge. */
  setGauge(name: string, value: number, attributes?: TelemetryAttributes): void;
}

/** A sink that does nothing. */
export const noopTelemetrySink: TelemetrySink;

/** The part of a Meter of `@opentelemetry/api` that is used. */
export interface TelemetryMeter {
  createCounter(
    name: string,
    options?: { description?: string },
  ): { add(value: number, attributes?: TelemetryAttributes): void };
  createHistogram(
    name: string,
    options?: { description?: string },
  ): { record(value: number, attributes?: TelemetryAttributes): void };
  createObservableGauge(
    name: string,
    options?: { description?: string },
  ): {
    addCallback(
      callback: (result: { observe(value: number, attributes?: TelemetryAttributes): void }) => void,
    ): void;
  };
}

/** Options of `createOpenTelemetrySink`. */
export interface OpenTelemetrySinkOptions {
  /** A Meter, as `metrics.getMeter(name)` of `@opentelemetry/api` returns it. */
  meter: TelemetryMeter;
  /** Put before the name of each metric. Default `''`. */
  prefix?: string;
  /** Descriptions by the name of the metric, without the prefix. */
  descriptions?: Record<string, string>;
}

/** A sink that writes to OpenTelemetry. Instruments are made when they are first used. */
export function createOpenTelemetrySink(options: OpenTelemetrySinkOptions): TelemetrySink;

/** Where the figures of a server are shown, to whom, and whether anything can be done there. */
export interface AdminOptions {
  /** Default `9464`. Servers of one process that name the same port share it. */
  port?: number;
  /** Default `'127.0.0.1'`: this machine alone. Anything else needs a token. */
  host?: string;
  /**
   * Of at least 16 characters. Where there is one, everything needs it but the page without its figures: as `Authorization: Bearer
   * <token>`. Default: that of `FLOTILLA_ADMIN_TOKEN`, else none.
   */
  token?: string;
  /** Names under which it is asked for, beside addresses and `localhost`. Default: none. */
  hosts?: string[];
  /** Whether workers can be killed, and the server be restarted and scaled from there. Needs a token. Default `false`. */
  actions?: boolean;
}

/** {@link AdminOptions} with all defaults filled in. */
export interface ResolvedAdminOptions {
  port: number;
  host: string;
  token: string | undefined;
  hosts: string[];
  actions: boolean;
}

/** The configuration of `startServer` and `setServerConfig`. Every field is optional. */
export type ServerConfigInput = {
  /**
   * The public address; an absolute path is a Unix socket. Default `HOST` or `LISTEN_HOST`, else `"0.0.0.0"`.
   */
  host?: string;
  /** The public port. Default `PORT` or `LISTEN_PORT`, else `3000`. */
  port?: number;
  /** The address that workers listen on. Default `WORKER_HOST`, else `"127.0.0.1"`. */
  workerHost?: string;
  /** The first of the workers' ports. Default `BASE_WORKER_PORT`, else `3001`. */
  baseWorkerPort?: number;
  /** How many workers; `"auto"`, the default, is one for each core that this process may use. */
  workers?: number | 'auto';
  /**
   * How long to wait for the head of a request before the connection is assigned without it. Default `10`.
   */
  requestInspectionTimeoutMs?: number;
  /** How many bytes of a head are looked at. Default `16384`. */
  maxHeaderBytes?: number;
  /** Answer a client that has ended its side of the connection. Default `true`. */
  allowHalfOpen?: boolean;
  /** How often workers report. Default `60000`. */
  workerHeartbeatIntervalMs?: number;
  /** How long after its last report a worker counts as stale. Default `150000`. */
  workerHeartbeatStaleAfterMs?: number;
  /** How long a graceful stop may take before the rest is killed. Default `10000`. */
  gracefulShutdownTimeoutMs?: number;
  /** Replace workers that exit unexpectedly, ever more slowly if they keep doing so. Default `true`. */
  respawnWorkers?: boolean;
  /** The strategy. Default {@link defaultLoadBalancer}. */
  loadBalancer?: LoadBalancerFunction;
  /** Takes the messages of the library. Methods that it lacks are those of `console`, which is the default. */
  logger?: Partial<LoggerLike>;
  /** Environment variables for the workers, beside the primary's own. */
  workerEnv?: Record<string, string>;
  /** Stop on `SIGINT` and `SIGTERM`. Default `true`. */
  installSignalHandlers?: boolean;
  /** Where metrics go. Default {@link noopTelemetrySink}. */
  telemetry?: TelemetrySink;
  /**
   * How connections reach a worker: `'handoff'` gives it the accepted socket (servers of Node's on Linux),
   * `'proxy'` forwards bytes to its port (anything that listens). Default `'auto'`: the first where it can be
   * had. `FLOTILLA_BALANCER=portable` forces a fallback in JavaScript.
   */
  mode?: 'auto' | 'handoff' | 'proxy';
  /**
   * Move keep-alive connections from loaded to idle workers between requests. Default `true` with {@link
   * leastLoadedLoadBalancer}, else `false`.
   */
  rebalance?: boolean;
  /**
   * In proxy mode, tell workers the client's address by a PROXY protocol header of this version. Default
   * `false`.
   */
  proxyProtocol?: false | 'v1' | 'v2';
  /**
   * Show how the server does: a page, `/status.json`, `/metrics` for Prometheus, `/health`, `/ready` and `/live`, answered
   * also while every event loop is blocked. On Linux; elsewhere the log says that it is left out. Default `false`.
   */
  admin?: AdminOptions | false;
};

/** A configuration with all defaults filled in. */
export type ResolvedServerConfig = {
  host: string;
  port: number;
  workerHost: string;
  baseWorkerPort: number;
  workers: number;
  requestInspectionTimeoutMs: number;
  maxHeaderBytes: number;
  allowHalfOpen: boolean;
  workerHeartbeatIntervalMs: number;
  workerHeartbeatStaleAfterMs: number;
  gracefulShutdownTimeoutMs: number;
  respawnWorkers: boolean;
  loadBalancer?: LoadBalancerFunction;
  logger: LoggerLike;
  workerEnv: Record<string, string>;
  installSignalHandlers: boolean;
  telemetry: TelemetrySink;
  mode: 'auto' | 'handoff' | 'proxy';
  rebalance: boolean;
  proxyProtocol: false | 'v1' | 'v2';
  admin: ResolvedAdminOptions | false;
};

/** What `startServer` resolves with: facts of the process it was called in. */
export type StartServerResult = {
  /** Whether this process balances or serves. */
  mode: 'primary' | 'worker';
  /** The process id. */
  pid: number;
  /** The address this process listens on. */
  host: string;
  /** The port this process listens on. 0 where it listens on none, because connections are handed over. */
  port: number;
  /** Its place in the pool; in a worker only. */
  workerIndex?: number;
  /** Its port; in a worker only. */
  workerPort?: number;
  /** How many workers there are; in the primary only. */
  workers?: number;
};

/**
 * Merges a part of a configuration into the current one, and returns the whole. Throws for values out of
 * range, and then changes nothing.
 */
export const setServerConfig: (next: ServerConfigInput) => ResolvedServerConfig;
/** The current configuration. */
export const getServerConfig: () => ResolvedServerConfig;

/** One worker after the other, by `previousIndex`. */
export const roundRobinLoadBalancer: LoadBalancerFunction;
/** The worker with the fewest connections. */
export const leastConnectionsLoadBalancer: LoadBalancerFunction;
/** The worker with the lowest score: connections × 10 + cpuPercent × 2 + (heapUsed / heapTotal) × 100. */
export const resourceAwareLoadBalancer: LoadBalancerFunction;
/** The better of two workers drawn at random, by requests in flight and event-loop lag. */
export const leastLoadedLoadBalancer: LoadBalancerFunction;
/** The strategy where none is given: {@link roundRobinLoadBalancer}. */
export const defaultLoadBalancer: LoadBalancerFunction;

/** The weights of `createResourceAwareLoadBalancer`. */
export interface ResourceAwareWeights {
  /** For each connection. Default 10. */
  connectionWeight?: number;
  /** For each percent of a core. Default 2. */
  cpuWeight?: number;
  /** For a heap that is full. Default 100. */
  heapWeight?: number;
}

/** The options of `stickyLoadBalancer`. */
export interface StickyOptions {
  /**
   * What visitors are told apart by: their address, or a header, a cookie or a parameter of the query of the first request of a
   * connection, by its name. Who does not say that is told by the address.
   */
  by: 'ip' | `header:${string}` | `cookie:${string}` | `query:${string}`;
}

/**
 * Each visitor has its worker, in every connection: the one that a hash of both prefers. A worker that goes moves its own visitors
 * alone, to all others, and one that comes takes its share from all; one that takes the place of another gets the same visitors.
 * A connection waits for its worker, also if that is busy, as long as it lives. Of TLS and HTTP/2 only `'ip'` can be told, unless
 * something in front of the server takes care of them.
 */
export const stickyLoadBalancer: (options: StickyOptions) => LoadBalancerFunction;

/** {@link resourceAwareLoadBalancer} with other weights. Throws for one that is negative or not finite. */
export const createResourceAwareLoadBalancer: (weights?: ResourceAwareWeights) => LoadBalancerFunction;

/**
 * Options whose numbers may come as environment variables have them: `{ port: process.env.PORT }`. A string of digits is its
 * number wherever the server takes one; any other string is refused.
 */
export type FromEnvironment<T> = { [N in keyof T]: number extends T[N] ? T[N] | string : T[N] };

/**
 * Serves an application on every core. In the primary it forks workers, waits until one is ready, and opens
 * the public port; in a worker it serves the application. Rejects if the port is taken, the application
 * fails, or no worker gets ready. In the place of an application there may be a {@link ServerFactory}: it is called in each worker,
 * and never in the primary.
 */
export const startServer: (
  app: ServerApp,
  nextConfig?: FromEnvironment<ServerConfigInput>,
) => Promise<StartServerResult>;
/**
 * In the primary: closes the public port, waits for the requests under way, and ends the workers. In a worker: closes the
 * application.
 */
export const stopServer: () => Promise<void>;
/**
 * Replaces the workers with nothing dropped. A whole set of new workers is started beside the old one, one after the other. When all
 * of them are ready, they take the new connections, and the old ones finish and end. Rejects if one of the new ones fails to
 * start; the new ones are then ended, and the old ones go on serving.
 */
export const restartServer: () => Promise<void>;

// The tuples matter: a conditional type over an import that was not found is that same unresolved type again,
// which passes for anything; in a tuple it is looked at as `any`.
type IsAny<T> = [0] extends [1 & T] ? true : false;
// @ts-ignore -- an optional peer: where it is not installed, this is `any`, which is looked for below.
type UltimateExpressModule = typeof import('ultimate-express');
// @ts-ignore -- an optional peer: where it is not installed, this is `any`, which is looked for below.
type ExpressModule = typeof import('express');

/**
 * The type of {@link express}: that of `ultimate-express` where it is installed, else of `express`, else of
 * any function.
 */
export type ExpressModuleLike =
  IsAny<UltimateExpressModule> extends false
    ? UltimateExpressModule
    : IsAny<ExpressModule> extends false
      ? ExpressModule
      : ((...args: any[]) => any) & Record<string, any>;

/**
 * `ultimate-express` where it is installed, else `express`. It is loaded at its first use, which throws
 * `FLOTILLA_ERR_EXPRESS_MISSING` where neither is installed.
 */
export const express: ExpressModuleLike;
/** {@link express}, by its other names. */
export { express as expressDefault, express as default };

// -----------------------------------------------------------------------------------------------------------
// The lifecycle
// -----------------------------------------------------------------------------------------------------------

/** What every context has. */
export interface ContextCore<C = {}> {
  /** The configuration that the context was made with, with the port filled in. */
  readonly config: Readonly<C> & { readonly port: number };
  /** 1 for the first context of a server, one more at each restart. */
  readonly generation: number;
  /**
   * Closes the resources, in the reverse of the order they were opened in. A second call does nothing more.
   */
  destroy(): Promise<void>;
}

/**
 * A context: the core, and each resource by its name once the server has opened it. `R` maps names to
 * resources.
 */
export type Context<R = {}, C = {}> = ContextCore<C> & Readonly<R>;

/** What a resource is opened with: the context so far, the resources before it included. */
export type OpeningContext = ContextCore<Record<string, any>> & Readonly<Record<string, any>>;

/** How a resource is opened, closed and looked after. */
export interface Resource<T = any> {
  /** Opens it. If it fails, those opened before are closed and the start rejects. */
  open(context: OpeningContext): T | PromiseLike<T>;
  /** Closes it. */
  close?(resource: T): unknown;
  /** Checks whether it works. It does not if this throws, rejects, takes too long, or returns `false`. */
  check?(resource: T): unknown;
}

/** Resources by name. A resource cannot have the name of a field of the context. */
export type Resources = Record<string, Resource> & { config?: never; generation?: never; destroy?: never };

/** The type of each opened resource, by name. */
export type OpenedResources<R> = {
  [N in keyof R as R[N] extends Resource ? N : never]: R[N] extends { open(...args: never[]): infer T }
    ? Awaited<T>
    : never;
};

/** A health check: it passes if it returns `true` in time. */
export type HealthCheck<C = Context> = (context: C) => boolean | PromiseLike<boolean>;

/** Makes the application of one generation. */
export type AppFactory<C = Context> = (context: C) => MadeApp | PromiseLike<MadeApp>;

/**
 * The configuration of a context. Fields of your own may stand beside these, and are found in
 * `context.config`.
 */
export interface ContextConfig<R = {}> {
  /**
   * The port; a string of digits, as an environment variable has it, is its number. Default: 0 under `NODE_ENV=test`, which is a
   * free one, else `PORT` or `LISTEN_PORT`, else 3000.
   */
  port?: number | string;
  /** The address. Default `HOST` or `LISTEN_HOST`, else `'0.0.0.0'`. */
  host?: string;
  /** What the application needs: opened in this order at the start, closed in reverse at the stop. */
  resources?: R & Resources;
  /** Checks for the health endpoint, by name, beside those of the resources. */
  health?: Record<string, HealthCheck<ContextCore<Record<string, any>> & Readonly<OpenedResources<R>>>>;
  /** Makes the application, where `createServer` has no option `app`. */
  app?: AppFactory<ContextCore<Record<string, any>> & Readonly<OpenedResources<R>>>;
}

/**
 * Makes a context. Nothing is opened yet. Throws for a port out of range or a resource named like a field of
 * the context.
 */
export function createContext<R extends Resources = {}, C extends object = {}>(
  config?: ContextConfig<R> & C,
): Context<OpenedResources<R>, Omit<C, 'port'>>;

/** The paths under which a server reports its health. `false` turns an endpoint off. */
export interface HealthEndpoints {
  /** 200 or 503, with a {@link HealthReport}. Default `'/health'`. */
  health?: string | false;
  /** 200 while the server takes requests, else 503. Default `'/ready'`. */
  ready?: string | false;
  /** 200 while the process lives, also while a worker's event loop is blocked. Default `'/live'`. */
  live?: string | false;
  /** A port of their own. Default: the server's. */
  port?: number;
}

/** What the health endpoint answers. */
export interface HealthReport {
  status: 'healthy' | 'unhealthy';
  /** The outcome of each check, by name. */
  checks: Record<string, boolean>;
  /** Seconds, as `process.uptime()` counts them. */
  uptime: number;
  memory: NodeJS.MemoryUsage;
}

/**
 * Options of `createServer`. Those of `startServer` are among them; those about workers count only where
 * `workers` is given. `host` and `port` come from the context if they are not given here.
 */
export interface ServerOptions<C = Context> extends ServerConfigInput {
  /**
   * Makes the application, from a fresh context each time. Default: the `app` of the context's configuration.
   */
  app?: AppFactory<C>;
  /** How many processes serve, `'auto'` for one a core. Default: none but this one. */
  workers?: number | 'auto';
  /** How long requests and connections have to end before they are cut. Default 5000. */
  gracefulShutdownTimeoutMs?: number;
  /**
   * How long to go on serving after the endpoint `ready` has turned to 503, before draining begins. For Kubernetes. Default 0.
   */
  shutdownDelayMs?: number;
  /** How long a server that listens has to become healthy before a start fails. Default 3000. */
  readyTimeoutMs?: number;
  /** Paths of the health endpoints; `false` for none at all. */
  healthEndpoints?: HealthEndpoints | false;
  /** How long a check may take before it counts as failed. Default 1000. */
  healthCheckTimeoutMs?: number;
  /**
   * Stop on `SIGTERM` and `SIGINT`, restart on `SIGUSR2`, exit at once on a second `SIGTERM` or `SIGINT` that comes from
   * outside of the process, and later than a moment.
   * Default `true`.
   */
  installSignalHandlers?: boolean;
  /**
   * Where the environment variables of systemd are set: listen on the socket that systemd passes, and tell systemd when the
   * server is ready. Default `true`.
   */
  systemd?: boolean;
}

/**
 * Where a server is in its life. It begins as `'stopped'`, and is so again after a stop or a start that
 * failed.
 */
export type ServerState = 'stopped' | 'starting' | 'ready' | 'restarting' | 'draining' | 'stopping';

/** The events of a server, with the arguments of their listeners. */
export interface LifecycleEvents {
  ready: [];
  draining: [];
  stopped: [];
  restarted: [];
  error: [error: Error];
}

/** What one server and several have in common. Calls that overlap wait for each other. */
export interface Lifecycle extends AsyncDisposable {
  /**
   * Opens the resources, listens, and resolves when requests are answered. Rejects with `Server already
   * started` on a started one. A start that fails closes what it had opened, and can be tried again.
   */
  start(): Promise<void>;
  /**
   * Drains, closes, releases the resources in reverse, and resolves when all is released. On a stopped one it
   * does nothing.
   */
  stop(): Promise<void>;
  /**
   * Replaces the context and the application on the same port, with nothing dropped. Rejects if that fails; the old ones then go
   * on serving.
   */
  restart(): Promise<void>;
  /** Resolves when the requests under way are answered. New requests get 503. */
  drain(): Promise<void>;
  /** Resolves when the health checks pass. Rejects with `Server failed to become ready` after `readyTimeoutMs`. */
  waitForReady(): Promise<void>;
  /** The same as `stop()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A server with a lifecycle, in this process or clustered. */
export interface LifecycleServer extends Lifecycle {
  /** Where it is in its life. */
  readonly state: ServerState;
  /** The port it listens on; before the start, the configured one. */
  getPort(): number;
  on<E extends keyof LifecycleEvents>(event: E, listener: (...args: LifecycleEvents[E]) => void): this;
  once<E extends keyof LifecycleEvents>(event: E, listener: (...args: LifecycleEvents[E]) => void): this;
  off<E extends keyof LifecycleEvents>(event: E, listener: (...args: LifecycleEvents[E]) => void): this;
}

/**
 * Makes a server over a context. With `workers` it is clustered: the workers open the resources and run the application; the primary
 * does neither.
 */
export function createServer<C extends ContextCore<any>>(
  context: C,
  options?: ServerOptions<C>,
): LifecycleServer;

/** Several servers over one context. Each is there by its name, too. */
export type LifecycleServers<N extends string = string> = Lifecycle & { readonly [K in N]: LifecycleServer };

/**
 * Makes several servers over one context. They start together: if one fails, none runs. A restart replaces all over one fresh context.
 * A server cannot have the name of a method of {@link Lifecycle}.
 */
export function createServers<C extends ContextCore<any>, N extends string>(
  context: C,
  servers: { [K in N]: K extends keyof Lifecycle ? never : ServerOptions<C> },
): LifecycleServers<N>;

/** What a test runner passes to a test: the context of vitest, or that of node:test. */
export type TestContextLike =
  | { onTestFinished(callback: () => Promise<void>): unknown }
  | { after(callback: () => Promise<void>): unknown };

/**
 * Options of `testServer`. The port is always a free one, and the server lives in the process of the test, as the
 * application does: it has no workers.
 */
export type TestServerOptions = Omit<ServerOptions, 'app' | 'port' | 'workers'> & {
  /**
   * The test that the server is for. Needed where the runner cannot tell: in vitest for tests that run at the same
   * time, in node:test for hooks.
   */
  test?: TestContextLike;
};

/** A server made for one test. */
export interface TestServer extends LifecycleServer {
  /** Its address, such as `http://127.0.0.1:54321`. */
  readonly url: string;
}

/**
 * Starts an application on a free port of this machine. In vitest, in node:test and in Jest it is stopped when the test has ended;
 * elsewhere the caller stops it.
 */
export function testServer(app: ServerApp, options?: TestServerOptions): Promise<TestServer>;
