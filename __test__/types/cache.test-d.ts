/** The cache against document 001, and the additions of the design. */

import {
  type BootstrapOptions,
  type CacheKey,
  type CacheOptions,
  type Codec,
  type Entry,
  type FetchContext,
  type Fetcher,
  type FetchOptions,
  type LoaderOptions,
  type LocalStats,
  LRUCacheClustered,
  type LRUCacheClusterOptions,
  LRUCacheForClustersAsPromised,
  type MemoizeOptions,
  type MSetEntry,
  memoize,
  type ReadOptions,
  type Stats,
  type SyncCache,
  type SyncGetOptions,
  type SyncHasOptions,
  type SyncPeekOptions,
  type SyncSetOptions,
  type Tier,
  type TouchOptions,
  type Usage,
  type WrappedCache,
  type WriteOptions,
  wrap,
} from 'flotilla';
import { describe, expectTypeOf, test } from 'vitest';

interface User {
  name: string;
}

declare const cache: LRUCacheClustered<string, User>;
declare const counters: LRUCacheClustered<string, number>;

describe('options', () => {
  test('are the documented ones, each of them optional', () => {
    expectTypeOf<CacheOptions>().branded.toEqualTypeOf<
      {
        namespace?: string;
        timeout?: number;
        failsafe?: 'resolve' | 'reject';
        lockTimeout?: number;
        max?: number;
        maxSize?: number;
        maxEntrySize?: number;
        ttl?: number;
        allowStale?: boolean;
        updateAgeOnGet?: boolean;
        updateAgeOnHas?: boolean;
        noDeleteOnStaleGet?: boolean;
        ttlAutopurge?: boolean;
        localL1?: object;
        tier?: Tier;
      } & LoaderOptions
    >();
    expectTypeOf<LRUCacheClusterOptions>().toEqualTypeOf<CacheOptions>();
    expectTypeOf<ConstructorParameters<typeof LRUCacheClustered>>().toEqualTypeOf<[options?: CacheOptions]>();
  });

  test('do not include functions, which cannot cross to another process', () => {
    // @ts-expect-error
    new LRUCacheClustered({ dispose: () => {} });
    // @ts-expect-error
    new LRUCacheClustered({ disposeAfter: () => {} });
    // @ts-expect-error
    new LRUCacheClustered({ sizeCalculation: () => 1 });
    // @ts-expect-error
    new LRUCacheClustered({ fetchMethod: async () => 1 });
  });

  test('refuse a failsafe that is not one of the two', () => {
    // @ts-expect-error
    new LRUCacheClustered({ failsafe: 'ignore' });
  });

  test('of a write are a TTL and a size', () => {
    expectTypeOf<TouchOptions>().toEqualTypeOf<{ ttl?: number }>();
    expectTypeOf<WriteOptions>().toEqualTypeOf<{ ttl?: number; size?: number; tags?: readonly string[] }>();
  });

  test('of a read are for localL1 alone', () => {
    expectTypeOf<ReadOptions>().toEqualTypeOf<{ bypassL1?: boolean }>();
    expectTypeOf(cache.withoutLocal()).toEqualTypeOf<LRUCacheClustered<string, User>>();
    expectTypeOf(cache.localStats()).toEqualTypeOf<LocalStats>();
    expectTypeOf(cache.get('a', { bypassL1: true })).toEqualTypeOf<Promise<User | undefined>>();
    cache.on('l1:hit', ({ namespace, key }) => expectTypeOf([namespace, key]).toEqualTypeOf<string[]>());
    // @ts-expect-error
    cache.on('hit', () => {});
  });

  test('of mSet may stand with each entry', () => {
    expectTypeOf<MSetEntry<string, User>>().toEqualTypeOf<
      readonly [string, User] | readonly [string, User, WriteOptions]
    >();
  });

  test('of a fetch add forceRefresh and the lease', () => {
    expectTypeOf<MemoizeOptions>().toEqualTypeOf<FetchOptions>();
    expectTypeOf<FetchOptions>().branded.toEqualTypeOf<
      {
        ttl?: number;
        size?: number;
        tags?: readonly string[] | ((value: any) => readonly string[] | undefined);
        bypassL1?: boolean;
        forceRefresh?: boolean;
        lease?: number;
        signal?: AbortSignal;
      } & LoaderOptions
    >();
    expectTypeOf<LoaderOptions>().toEqualTypeOf<{
      staleWhileRevalidate?: number;
      staleIfError?: number;
      refreshAhead?: boolean | number;
      negativeTtl?: number;
      softTimeout?: number;
      hardTimeout?: number;
      jitter?: number;
    }>();
  });
});

describe('the class', () => {
  test('has two names', () => {
    expectTypeOf(LRUCacheForClustersAsPromised).toEqualTypeOf(LRUCacheClustered);
    expectTypeOf<LRUCacheForClustersAsPromised<string, User>>().toEqualTypeOf<
      LRUCacheClustered<string, User>
    >();
  });

  test('takes its types as the document writes them', () => {
    const made = new LRUCacheClustered<string, string>({ namespace: 'sessions', max: 1000, ttl: 60_000 });
    expectTypeOf(made).toEqualTypeOf<LRUCacheClustered<string, string>>();
    expectTypeOf(made.get('user:42')).toEqualTypeOf<Promise<string | undefined>>();
  });

  test('works without any', () => {
    const made = new LRUCacheClustered();
    expectTypeOf(made).toEqualTypeOf<LRUCacheClustered<CacheKey, any>>();
  });

  test('takes keys that a Map keeps apart by type, and no others', () => {
    expectTypeOf<CacheKey>().toEqualTypeOf<string | number | boolean | bigint>();
    // @ts-expect-error
    expectTypeOf<LRUCacheClustered<object, string>>();
    // @ts-expect-error
    expectTypeOf<LRUCacheClustered<symbol, string>>();
    // @ts-expect-error
    expectTypeOf<LRUCacheClustered<string | undefined, string>>();
  });

  test('refuses nullish values', () => {
    // @ts-expect-error
    expectTypeOf<LRUCacheClustered<string, string | null>>();
    // @ts-expect-error
    expectTypeOf<LRUCacheClustered<string, string | undefined>>();
    // @ts-expect-error
    cache.set('a', null);
    // @ts-expect-error
    cache.set('a', undefined);
    // @ts-expect-error
    cache.get(null);
  });

  test('takes any value that can be cloned', () => {
    expectTypeOf(new LRUCacheClustered<bigint, Map<string, Date[]>>().get(1n)).resolves.toEqualTypeOf<
      Map<string, Date[]> | undefined
    >();
  });

  test('has no private members, so that it is one type for all who load it', () => {
    class Same<K extends CacheKey, V extends {}> extends LRUCacheClustered<K, V> {}
    expectTypeOf<Pick<LRUCacheClustered<string, User>, keyof LRUCacheClustered<string, User>>>().toExtend<
      LRUCacheClustered<string, User>
    >();
    expectTypeOf<Same<string, User>>().toExtend<LRUCacheClustered<string, User>>();
  });
});

describe('static methods', () => {
  test('bootstrap', () => {
    expectTypeOf(LRUCacheClustered.bootstrap).toEqualTypeOf<(options?: BootstrapOptions) => void>();
    expectTypeOf<BootstrapOptions>().toEqualTypeOf<{
      memory?: number | string;
      transport?: 'auto' | 'shared' | 'ipc';
    }>();
  });

  test('getInstance', () => {
    expectTypeOf(LRUCacheClustered.getInstance<string, User>({ namespace: 'users' })).toEqualTypeOf<
      Promise<LRUCacheClustered<string, User>>
    >();
    expectTypeOf(LRUCacheClustered.getInstance).parameters.toEqualTypeOf<[options?: CacheOptions]>();
  });

  test('getAllCaches is a live map of synchronous views', () => {
    expectTypeOf(LRUCacheClustered.getAllCaches).toEqualTypeOf<() => Map<string, SyncCache<CacheKey, any>>>();
  });
});

describe('methods', () => {
  test('of the core', () => {
    expectTypeOf(cache.get).toEqualTypeOf<
      (key: string, options?: ReadOptions) => Promise<User | undefined>
    >();
    expectTypeOf(cache.set).toEqualTypeOf<
      (key: string, value: User, options?: WriteOptions) => Promise<boolean>
    >();
    expectTypeOf(cache.setIfAbsent).toEqualTypeOf<typeof cache.set>();
    expectTypeOf(cache.delete).toEqualTypeOf<(key: string) => Promise<boolean>>();
    expectTypeOf(cache.has).toEqualTypeOf<(key: string, options?: ReadOptions) => Promise<boolean>>();
    expectTypeOf(cache.peek).toEqualTypeOf<typeof cache.get>();
    expectTypeOf(cache.clear).toEqualTypeOf<() => Promise<void>>();
  });

  test('for several keys', () => {
    expectTypeOf(cache.mGet).toBeCallableWith(['a', 'b']);
    expectTypeOf(cache.mGet).toBeCallableWith(new Set(['a']));
    expectTypeOf(cache.mGet).returns.toEqualTypeOf<Promise<Map<string, User | undefined>>>();
    expectTypeOf<Iterable<[string, User] | [string, User, { ttl?: number; size?: number }]>>().toExtend<
      Parameters<typeof cache.mSet>[0]
    >();
    expectTypeOf(cache.mSet).toBeCallableWith(new Map([['a', { name: 'ada' }]]), { ttl: 1, size: 1 });
    expectTypeOf(cache.mSet).toBeCallableWith([
      ['a', { name: 'ada' }],
      ['b', { name: 'bob' }, { ttl: 1 }],
    ]);
    expectTypeOf(cache.mSet).parameter(1).toEqualTypeOf<WriteOptions | undefined>();
    expectTypeOf(cache.mSet).returns.toEqualTypeOf<Promise<void>>();
    expectTypeOf(cache.mDelete).toBeCallableWith(['a']);
    expectTypeOf(cache.mDelete).returns.toEqualTypeOf<Promise<void>>();
    // @ts-expect-error
    cache.mSet([['a', 1]]);
  });

  test('that enumerate', () => {
    expectTypeOf(cache.keys).toEqualTypeOf<() => Promise<string[]>>();
    expectTypeOf(cache.values).toEqualTypeOf<() => Promise<User[]>>();
    expectTypeOf(cache.entries).toEqualTypeOf<() => Promise<[string, User][]>>();
    expectTypeOf(cache[Symbol.asyncIterator]).toEqualTypeOf<() => AsyncIterableIterator<[string, User]>>();
    expectTypeOf(cache.size).toEqualTypeOf<() => Promise<number>>();
  });

  test('that take and restore snapshots, in the shape of lru-cache 11', () => {
    expectTypeOf<Entry<User>>().toEqualTypeOf<{
      value: User;
      ttl?: number;
      start?: number;
      size?: number;
      tags?: readonly string[];
      version?: string;
      grace?: number;
      delta?: number;
    }>();
    expectTypeOf(cache.dump).toEqualTypeOf<() => Promise<[string, Entry<User>][]>>();
    expectTypeOf(cache.load).returns.toEqualTypeOf<Promise<void>>();
    expectTypeOf<Awaited<ReturnType<typeof cache.dump>>>().toExtend<Parameters<typeof cache.load>[0]>();
  });

  test('that count', () => {
    expectTypeOf(cache.incr).toEqualTypeOf<
      (key: string, amount?: number, options?: WriteOptions) => Promise<number>
    >();
    expectTypeOf(counters.decr).toEqualTypeOf<
      (key: string, amount?: number, options?: WriteOptions) => Promise<number>
    >();
  });

  test('fetch', () => {
    expectTypeOf(cache.fetch).toEqualTypeOf<{
      (
        key: string,
        fetcher: Fetcher<string, User | null | undefined>,
        options: FetchOptions & { negativeTtl: number },
      ): Promise<User | undefined>;
      (key: string, fetcher: Fetcher<string, User>, options?: FetchOptions): Promise<User>;
    }>();
    const nothing = cache.fetch('a', () => null, { negativeTtl: 5 });
    expectTypeOf(nothing).toEqualTypeOf<Promise<User | undefined>>();
    expectTypeOf<Fetcher<string, User>>().toEqualTypeOf<
      (key: string, context: FetchContext<User>) => User | PromiseLike<User>
    >();
    expectTypeOf<FetchContext<User>>().toEqualTypeOf<{
      readonly signal: AbortSignal;
      readonly stale: User | undefined;
    }>();
    expectTypeOf(cache.fetch).toBeCallableWith('a', async () => ({ name: 'ada' }), {
      ttl: 1,
      size: 1,
      forceRefresh: true,
      lease: 1000,
    });
    // @ts-expect-error
    cache.fetch('a', async () => undefined);
  });

  test('of the lifecycle and for metrics', () => {
    expectTypeOf(cache.getRemainingTTL).toEqualTypeOf<(key: string) => Promise<number>>();
    expectTypeOf(cache.purgeStale).toEqualTypeOf<() => Promise<boolean>>();
    expectTypeOf(cache.healthCheck).toEqualTypeOf<() => Promise<void>>();
    expectTypeOf(cache.stats).toEqualTypeOf<() => Promise<Stats>>();
    expectTypeOf(cache.destroy).toEqualTypeOf<() => Promise<boolean>>();
    expectTypeOf(cache.ready).toEqualTypeOf<Promise<void>>();
    // @ts-expect-error
    cache.ready = Promise.resolve();
    // @ts-expect-error
    cache.sync = new LRUCacheClustered<string, User>().sync;
    expectTypeOf(cache.getCache).toEqualTypeOf<() => SyncCache<string, User> | undefined>();
  });

  test('that are getters and setters at once', () => {
    expectTypeOf(cache.max).toEqualTypeOf<(value?: number) => Promise<number>>();
    expectTypeOf(cache.ttl).toEqualTypeOf<(value?: number) => Promise<number>>();
    expectTypeOf(cache.allowStale).toEqualTypeOf<(value?: boolean) => Promise<boolean>>();
  });

  test('stats has the seven documented fields and no other', () => {
    expectTypeOf<Stats>().toEqualTypeOf<{
      hits: number;
      misses: number;
      sets: number;
      deletes: number;
      evictions: number;
      size: number;
      namespace: string;
    }>();
  });

  test('usage has the seven fields of the design', () => {
    expectTypeOf(cache.usage).toEqualTypeOf<() => Promise<Usage>>();
    expectTypeOf<Usage>().toEqualTypeOf<{
      transport: 'shared' | 'ipc';
      entries: number;
      bytes: number;
      overheadBytes: number;
      segmentBytes: number;
      memoryEvictions: number;
      recoveries: number;
    }>();
  });

  test('are the documented ones, and those of the design', () => {
    expectTypeOf<keyof LRUCacheClustered>().toEqualTypeOf<
      | ('get' | 'set' | 'setIfAbsent' | 'delete' | 'has' | 'peek' | 'clear' | 'mGet' | 'mSet' | 'mDelete')
      | ('keys' | 'values' | 'entries' | typeof Symbol.asyncIterator | 'dump' | 'load' | 'size')
      | ('incr' | 'decr' | 'fetch' | 'getRemainingTTL' | 'purgeStale' | 'healthCheck' | 'stats' | 'destroy')
      | ('getCache' | 'ready' | 'max' | 'ttl' | 'allowStale')
      | ('sync' | 'usage' | 'touch' | 'tierStats')
      | ('take' | 'update' | 'getWithVersion' | 'setIfVersion' | 'incrWithTtl' | 'invalidateTags')
      | ('namespace' | 'timeout' | 'failsafe')
      | ('withoutLocal' | 'localStats' | 'on' | 'once' | 'off')
    >();
  });
});

describe('the synchronous view', () => {
  const { sync } = cache;

  test('has the vocabulary of the design', () => {
    expectTypeOf(sync).toEqualTypeOf<SyncCache<string, User>>();
    expectTypeOf<keyof SyncCache>().toEqualTypeOf<
      | ('get' | 'set' | 'has' | 'peek' | 'delete' | 'clear' | 'keys' | 'values' | 'entries' | 'size')
      | (
          | 'purgeStale'
          | 'getRemainingTTL'
          | 'incr'
          | 'decr'
          | 'setIfAbsent'
          | 'touch'
          | 'dump'
          | 'load'
          | 'forEach'
          | 'info'
        )
      | ('take' | 'update' | 'getWithVersion' | 'setIfVersion' | 'incrWithTtl' | 'invalidateTags')
      | ('max' | 'maxSize' | 'maxEntrySize' | 'ttl' | 'allowStale' | 'updateAgeOnGet' | 'updateAgeOnHas')
      | ('noDeleteOnStaleGet' | 'ttlAutopurge')
      | typeof Symbol.iterator
    >();
  });

  test('takes the options of lru-cache for one call, each of them optional', () => {
    expectTypeOf<SyncGetOptions>().toEqualTypeOf<{
      allowStale?: boolean;
      updateAgeOnGet?: boolean;
      noDeleteOnStaleGet?: boolean;
    }>();
    expectTypeOf<SyncHasOptions>().toEqualTypeOf<{ updateAgeOnHas?: boolean }>();
    expectTypeOf<SyncPeekOptions>().toEqualTypeOf<{ allowStale?: boolean }>();
    expectTypeOf<SyncSetOptions>().branded.toEqualTypeOf<{
      ttl?: number;
      size?: number;
      start?: number;
      tags?: readonly string[];
    }>();
    expectTypeOf(sync.get).parameters.toEqualTypeOf<[key: string, options?: SyncGetOptions]>();
    expectTypeOf(sync.set).parameters.toEqualTypeOf<[key: string, value: User, options?: SyncSetOptions]>();
    expectTypeOf(sync.has).parameters.toEqualTypeOf<[key: string, options?: SyncHasOptions]>();
    expectTypeOf(sync.peek).parameters.toEqualTypeOf<[key: string, options?: SyncPeekOptions]>();
    expectTypeOf(sync.setIfAbsent).parameters.toEqualTypeOf<
      [key: string, value: User, options?: WriteOptions]
    >();
    expectTypeOf(sync.incr).parameters.toEqualTypeOf<
      [key: string, amount?: number, options?: WriteOptions]
    >();
    expectTypeOf(sync.decr).parameters.toEqualTypeOf<
      [key: string, amount?: number, options?: WriteOptions]
    >();
    expectTypeOf(sync.forEach).parameter(1).toEqualTypeOf<unknown>();
    // @ts-expect-error
    sync.size = 0;
  });

  test('returns values, not promises', () => {
    expectTypeOf(sync.get('a')).toEqualTypeOf<User | undefined>();
    expectTypeOf(
      sync.get('a', { allowStale: true, updateAgeOnGet: true, noDeleteOnStaleGet: true }),
    ).toEqualTypeOf<User | undefined>();
    expectTypeOf(sync.set('a', { name: 'ada' }, { ttl: 1, size: 1, start: 1 })).toEqualTypeOf<
      SyncCache<string, User>
    >();
    expectTypeOf(sync.setIfAbsent('a', { name: 'ada' }, { ttl: 1, size: 1 })).toEqualTypeOf<boolean>();
    expectTypeOf(sync.has('a', { updateAgeOnHas: true })).toEqualTypeOf<boolean>();
    expectTypeOf(sync.peek('a', { allowStale: true })).toEqualTypeOf<User | undefined>();
    expectTypeOf(sync.delete('a')).toEqualTypeOf<boolean>();
    expectTypeOf(sync.clear()).toEqualTypeOf<void>();
    expectTypeOf(sync.size).toEqualTypeOf<number>();
    expectTypeOf(sync.purgeStale()).toEqualTypeOf<boolean>();
    expectTypeOf(sync.getRemainingTTL('a')).toEqualTypeOf<number>();
    expectTypeOf(sync.incr('a', 1, { ttl: 1 })).toEqualTypeOf<number>();
    expectTypeOf(sync.decr('a')).toEqualTypeOf<number>();
    expectTypeOf(sync.touch('a', { ttl: 1 })).toEqualTypeOf<boolean>();
    expectTypeOf(cache.touch('a', { ttl: 1 })).toEqualTypeOf<Promise<boolean>>();
    expectTypeOf(sync.info('a')).toEqualTypeOf<Entry<User> | undefined>();
    expectTypeOf(sync.dump()).toEqualTypeOf<[string, Entry<User>][]>();
    expectTypeOf(sync.load(sync.dump())).toEqualTypeOf<void>();
    expectTypeOf(sync.load).parameters.toEqualTypeOf<[entries: Iterable<readonly [string, Entry<User>]>]>();
  });

  test('iterates', () => {
    expectTypeOf(sync.keys()).toEqualTypeOf<IterableIterator<string>>();
    expectTypeOf(sync.values()).toEqualTypeOf<IterableIterator<User>>();
    expectTypeOf(sync.entries()).toEqualTypeOf<IterableIterator<[string, User]>>();
    expectTypeOf([...sync]).toEqualTypeOf<[string, User][]>();
    sync.forEach((value, key, self) => {
      expectTypeOf(value).toEqualTypeOf<User>();
      expectTypeOf(key).toEqualTypeOf<string>();
      expectTypeOf(self).toEqualTypeOf<SyncCache<string, User>>();
    });
  });

  test('refuses nullish keys and values', () => {
    // @ts-expect-error
    sync.set('a', null);
    // @ts-expect-error
    sync.get(undefined);
  });
});

describe('wrap', () => {
  const inner = new LRUCacheClustered<string, string>({ namespace: 'big-blobs', max: 1000 });

  test('takes the codec of the document', () => {
    const wrapped = wrap(inner, {
      encode: (v: unknown) => Buffer.from(JSON.stringify(v), 'utf8').toString('base64'),
      decode: (raw: string) => JSON.parse(Buffer.from(raw, 'base64').toString('utf8')),
    });
    expectTypeOf(wrapped.set).toBeCallableWith('user:42', { id: 42, name: 'ada' });
    expectTypeOf(wrapped.cache).toEqualTypeOf<LRUCacheClustered<string, string>>();
    // @ts-expect-error
    wrapped.cache = inner;
  });

  test('takes sync and async codecs', () => {
    const codec: Codec<User, string> = {
      encode: async (user) => JSON.stringify(user),
      decode: (stored) => JSON.parse(stored) as User,
    };
    expectTypeOf(wrap(inner, codec)).toEqualTypeOf<WrappedCache<string, User, string>>();
    // @ts-expect-error
    wrap(inner, { encode: (user: User) => user, decode: (stored: User) => stored });
  });

  test('has the documented surface and no more', () => {
    expectTypeOf<keyof WrappedCache<string, User>>().toEqualTypeOf<
      | ('get' | 'set' | 'setIfAbsent' | 'peek' | 'mGet' | 'mSet' | 'values' | 'entries')
      | (typeof Symbol.asyncIterator | 'fetch')
      | ('take' | 'update' | 'getWithVersion' | 'setIfVersion' | 'invalidateTags')
      | ('has' | 'delete' | 'keys' | 'size' | 'clear' | 'destroy' | 'healthCheck' | 'purgeStale')
      | ('getRemainingTTL' | 'stats' | 'cache' | 'namespace' | 'ready')
    >();
    type Wrapped = WrappedCache<string, User, string>;
    type Passed = Exclude<keyof Wrapped, 'cache'>;
    expectTypeOf<Pick<Wrapped, Passed>>().toEqualTypeOf<Pick<LRUCacheClustered<string, User>, Passed>>();
  });
});

describe('memoize', () => {
  const loadUser = async (id: string): Promise<User> => ({ name: id });

  test('works as the document has it', () => {
    const getUser = memoize(
      cache,
      (id: string) => loadUser(id),
      (id) => `user:${id}`,
      { ttl: 60_000 },
    );
    expectTypeOf(getUser).toEqualTypeOf<(id: string) => Promise<User>>();
  });

  test('passes all arguments to both functions', () => {
    const get = memoize(
      counters,
      (a: string, b: number) => a.length + b,
      (a, b) => {
        expectTypeOf(b).toEqualTypeOf<number>();
        return a;
      },
    );
    expectTypeOf(get).toEqualTypeOf<(a: string, b: number) => Promise<number>>();
  });

  test('works over a wrapped cache', () => {
    const wrapped = wrap(new LRUCacheClustered<string, string>(), {
      encode: (user: User) => user.name,
      decode: (name: string): User => ({ name }),
    });
    expectTypeOf(memoize(wrapped, loadUser, (id) => id)).toEqualTypeOf<(id: string) => Promise<User>>();
  });

  test('needs of a cache only that it fetches', () => {
    type Fetches = {
      fetch(key: string, fetcher: Fetcher<string, User>, options?: FetchOptions): Promise<User>;
    };
    expectTypeOf<Parameters<typeof memoize<string, User, []>>[0]>().toEqualTypeOf<Fetches>();
  });

  test('takes the options of fetch', () => {
    expectTypeOf(memoize).parameter(3).toEqualTypeOf<FetchOptions | undefined>();
  });

  test('refuses what the cache would refuse', () => {
    const nothing = async (_id: string) => undefined;
    // @ts-expect-error
    memoize(cache, nothing, String);
    // @ts-expect-error
    memoize(cache, loadUser, () => undefined);
    // @ts-expect-error
    memoize(cache, loadUser, () => 42);
  });
});

describe('tags and what is done in one step', () => {
  test('tags are names, for every write', () => {
    expectTypeOf(cache.invalidateTags).toEqualTypeOf<(tags: readonly string[]) => Promise<void>>();
    expectTypeOf(cache.sync.invalidateTags).toEqualTypeOf<(tags: readonly string[]) => void>();
  });

  test('a version is text, and undefined for what is not there', () => {
    expectTypeOf(cache.getWithVersion('a')).resolves.toEqualTypeOf<
      { value: User; version: string } | undefined
    >();
    expectTypeOf(cache.setIfVersion).parameters.toEqualTypeOf<
      [key: string, value: User, version: string | undefined, options?: WriteOptions]
    >();
  });

  test('update takes a function that may wait, and the synchronous one does not', () => {
    expectTypeOf(cache.update('a', async (user) => user)).resolves.toEqualTypeOf<User | undefined>();
    cache.sync.update('a', (user) => user, { retries: 3, ttl: 5, tags: ['t'] });
    // @ts-expect-error nothing waits there
    cache.sync.update('a', async (user) => user);
  });

  test('take gives a value or nothing, and incrWithTtl what is left', () => {
    expectTypeOf(cache.take('a')).resolves.toEqualTypeOf<User | undefined>();
    expectTypeOf(counters.incrWithTtl('a', 1, { ttl: 5 })).resolves.toEqualTypeOf<{
      value: number;
      ttl: number;
    }>();
  });
});
