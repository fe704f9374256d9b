/**
 * What the addon exports: the counterpart of `src/bindings/`, and not a public contract.
 * A test compares the names with those of the loaded addon.
 */

/** The version of the crate this addon was built from. */
export declare function addonVersion(): string;

/** The platform the addon was built for, as Rust names it. */
export declare function addonTarget(): string;

/** The errors that native code can raise. */
export declare function errorTable(): Array<{ code: string; fault: string; retryCanHelp: boolean }>;

/** Makes the manager of a server scope. `ttl` is in milliseconds. */
export declare function createScopeManager(capacity: number, ttl: number, now: number): ScopeManager;

/** `now` is in milliseconds; without it the addon reads the clock. Slots and numbers count from 0. */
export interface ScopeManager {
  /** The slot of a new scope; `-1 - slot` when `evicted()` has something to tell. */
  fork(now?: number): number;
  /** The slot of a living scope, or -1. */
  touch(number: number, now?: number): number;
  /** The slot that a living scope had, or -1. */
  remove(number: number): number;
  /** The slots emptied since the last call. */
  evicted(): number[];
  /** Empties all slots and returns them. */
  clear(): number[];
  size(): number;
}

// The balancer's choices and heads, for `lib/cluster/`.

/** Whether the system lets processes share memory, without which no connection is handed over. */
export declare function sharesMemory(): boolean;
/** The place of the worker, among these, that a visitor belongs to; -1 where it cannot be told. */
export declare function chooseSticky(
  by: string,
  head: Uint8Array,
  address: string | undefined,
  workers: Uint32Array,
): number;
/** `table` holds six figures a candidate. The place of the chosen one, or -1. */
export declare function chooseBackend(
  strategy: number,
  turn: number,
  count: number,
  table: Float64Array,
  weights: Float64Array,
): number;
export declare function lookAtHead(bytes: Uint8Array, limit: number): number;
/** `[length, minorVersion, ...]`, then where each part begins and ends: method, target, names and values. */
export declare function readHead(bytes: Uint8Array): number[] | null;
export declare function readServerName(bytes: Uint8Array, limit: number): string | null;

/** Sends a message to the socket of the supervisor of this process. Whether that could be done. */
export declare function supervisorNotify(socket: string, message: string): boolean;
/** Has native threads tell on stderr what they do: the bits of their places in `constants().traced`. */
export declare function traceThreads(threads: number): void;
/** Has the kernel kill this process when its parent dies. Whether it will, and that is the parent; on Linux alone. */
export declare function dieWith(parent: number): boolean;

/** The user at the other end of a Unix socket; nothing where the system does not say it, or `fd` is no such socket. */
export declare function peerUser(fd: number): number | undefined | null;

/** A thread that accepts connections, and gives them to workers, or forwards their bytes. */
export declare class NativeFront {
  /** 0, or the number of the system's error. */
  bind(
    host: string,
    port: number,
    options: {
      strategy: number;
      weights: number[];
      inspectionMs: number;
      headLimit: number;
      answerMs: number;
      /** What visitors are told apart by, where each has its worker. */
      sticky?: string;
      /** One of these. */
      handoff?: { rebalance: boolean };
      /** `header` is 0, or the version of the PROXY protocol. */
      proxy?: { halfOpen: boolean; header: number };
    },
    ask?: (
      id: number,
      head: Buffer,
      address: string | undefined | null,
      port: number,
      waitedMs: number,
    ) => void,
  ): number;
  port(): number;
  /** The address; nothing for a Unix path. */
  local(): string | undefined | null;
  open(): void;
  /** What is answered where no worker does: paths, statuses and bodies, one beside the other. */
  setProbes(paths: string[], statuses: number[], bodies: string[]): void;
  close(): void;
  stop(): void;
  /** The descriptor that the process of a seat has to inherit; below zero, the number of the system's error. */
  rendezvous(seat: number): number;
  /** Meets the process of a seat over the descriptor that it has inherited for another front. */
  meet(seat: number, other: NativeFront): void;
  seated(seat: number, pid: number, worker: number): void;
  /** Whether the address is one that connections can be forwarded to. */
  ready(seat: number, host: string, port: number): boolean;
  withdraw(seat: number): void;
  /** Connections of that seat that are forwarded end as they fall silent, and no more go there. */
  part(seat: number): void;
  gone(seat: number): void;
  assign(id: number, seat: number): void;
  report(seat: number, lagMs: number, cpuPercent: number, heapUsed: number, heapTotal: number): void;
  /** Connections, and those among them that were not taken; requests in flight; milliseconds of lag. */
  load(seat: number): number[];
  serves(seat: number): boolean;
  /** Accepted, failed, refused by workers, taken back, moved, adopted; and how many the primary holds now. */
  counts(): number[];
}

/** A worker's end of the queue. */
export declare class NativeHandoffWorker {
  /**
   * With the descriptor that was inherited, and that `stays` where others join there after it. Gives 0, or the number of the
   * system's error.
   */
  join(rendezvous: number, onWaiting: () => void, stays?: boolean): number;
  /** Left, in flight, to shed, awake since: in memory that the primary reads. */
  numbers(): Float64Array | null;
  /**
   * A descriptor, and `TOLD`, where it comes from another worker or belongs to a visitor; -1 where none waits, -2 where this
   * process can have none.
   */
  take(): number;
  /**
   * Of the last such one: for how many milliseconds it may stay idle, -1 where nobody knows, nothing where it has not
   * moved; and the number of its visitor, or 0.
   */
  told(): [number | null | undefined, number];
  /** Whether to be told of connections that wait. */
  listen(wanted: boolean): void;
  /** With the place where the primary holds it, or -1, the milliseconds that it may stay idle, and its visitor, or 0. */
  give(descriptor: number, place: number, idleMs: number, visitor: number): boolean;
  /** How much was read of what the primary holds, by its places: in memory that the primary reads. */
  marks(): Float64Array | null;
  /** How much others had read of it; -1 where it cannot be held, -2 where it can be later. */
  hold(descriptor: number, place: number, read: number, visitor: number): number;
  /** Whether the primary could be told. */
  letGo(place: number): boolean;
  discard(descriptor: number): void;
  /** The clock of `awake since`, in milliseconds. */
  clock(): number;
  leave(): void;
}

/** What the workers of a server count, a meter each. */
export declare class NativeMeters {
  /** Whether the system had memory for them. */
  create(): boolean;
  /** Whether the line names some that the parent of this process made. */
  attach(line: string): boolean;
  /** The line by which children find them; nothing where they cannot be shared. */
  share(): string | undefined | null;
  seat(seat: number): boolean;
  vacate(seat: number): void;
  /** The figures and buckets of a seat, in memory that others read. */
  words(seat: number): Float64Array | undefined | null;
  /** The clock of the figures, in milliseconds. */
  clock(): number;
}

/** A thread that shows figures. */
export declare class NativeAdmin {
  /** 0, or the number of the system's error. `files` has path, kind and text of each, one behind the other. */
  start(
    host: string,
    port: number,
    options: {
      token?: string;
      hasActions: boolean;
      hosts: string[];
      files: string[];
      version: string;
      patienceMs: number;
    },
    ask: (id: number, kind: string, text: string) => void,
  ): number;
  port(): number;
  show(id: number, meters: NativeMeters, front?: NativeFront): void;
  hide(id: number): void;
  /** As JSON. */
  tell(id: number, facts: string): void;
  answer(id: number, status: number, body: string): void;
  stop(): void;
}

/** The numbers that both sides have to agree on. */
export interface Constants {
  /** The bytes of a reply, and where its parts stand. */
  reply: Record<'BYTES' | 'EXPIRES_AT' | 'LEFT_AT' | 'MEMO_AT' | 'MEMO_WORDS', number>;
  /** Tags from FIRST_FREE on are the codec's. */
  valueTags: Record<'BUFFER' | 'JSON' | 'FIRST_FREE', number>;
  claimAnswers: Record<'NOTHING' | 'BUSY' | 'LEADER' | 'FOLLOWER', number>;
  claimModes: Record<'PLAIN' | 'FORCE' | 'WITHOUT_WAITING' | 'REFRESH', number>;
  flightEnds: Record<'LOST' | 'VALUE' | 'FAILED' | 'VOID' | 'REPLACED' | 'LATE', number>;
  /** Where those who read by way of copies find what, in words. */
  copies: Record<
    | `RING${'' | '_HITS' | '_TOUCHES'}`
    | `TOUCH${'' | '_STAMP' | '_ENTRY' | '_HASH' | '_MARK'}`
    | `AREA_${'USED' | 'TAG_EPOCH' | 'TAILS' | 'READERS'}`
    | 'READERS'
    | `READER${'' | '_STAMP' | '_ENTRY' | '_HEAD'}`,
    number
  >;
  /** The bit of each flag of a cache. */
  flags: Record<string, number>;
  /** The bit of each option that was left out. */
  leftOut: Record<string, number>;
  tags: Record<'MOST' | 'LONGEST', number>;
  /** Which of a worker's `numbers()` is which, and how many there are. */
  row: Record<'LEFT' | 'IN_FLIGHT' | 'SHED' | 'AWAKE_SINCE' | 'NUMBERS', number>;
  /** Where a meter has what, in numbers. */
  meter: Record<string, number>;
  /** What `take` gives in the place of a descriptor. */
  taken: Record<'NONE' | 'EXHAUSTED' | 'TOLD', number>;
  /** What `hold` gives in the place of a number of bytes, and a mark that says nothing. */
  held: Record<'NEVER' | 'LATER' | 'UNKNOWN', number>;
  /** The bit of each native thread that can be traced. */
  traced: Record<string, number>;
}
export declare function constants(): Constants;

// The shared cache. What follows is called by `lib/cache/` alone, which has checked the arguments.

/** A key: whatever is none is refused with `FLOTILLA_ERR_INVALID_ARGUMENT`. */
type Key = unknown;
/** Of no use beyond the thread that opened it. */
type CacheId = number;
type Limits = [max: number, maxSize: number, maxEntrySize: number, ttl: number, flags: number];

/**
 * Connects an instance of the library: the errors to throw, who is told how a flight ended, and the bytes of a reply. Gives the
 * bytes that are used, and the cache's functions for this instance where it is not the first of its thread.
 */
export declare function cacheConnect(
  makeError: (code: any, message: string) => Error,
  takeOutcome: (flight: number, kind: number, tag: number, payload: any) => void,
  reply: Uint8Array,
): [reply: Uint8Array, functions?: typeof import('./addon.js')];
/** For the first thread of a process that asks: what it needs to tell by itself whether a copy is still true. */
export declare function cacheCopyMemory(): ArrayBuffer | undefined;
/** A ring to leave touches in, and the places of ring and area in words of that memory. */
export declare function cacheClaimRing(
  id: CacheId,
):
  | [ring: number, ringAt: number, areaAt: number, reader: number, slot: number, generation: number]
  | undefined;
export declare function cacheGiveBack(id: CacheId, ring: number): void;
/** For tests: stops the process's clock at that time; without one it runs again. */
export declare function cacheSetClock(milliseconds?: number): void;
/** The time that TTLs are reckoned with. */
export declare function cacheClock(): number;

/** The bytes that this machine has; 0 where Node has to be asked. */
export declare function machineMemory(): number;
export declare function segmentCreate(capacity: number, replace: boolean): boolean;
export declare function segmentShare(): string;
export declare function segmentAttach(line: string): void;
export declare function segmentIsForThisProcess(line: string): boolean;
export declare function segmentExists(): boolean;
/** `[namespaces, segmentBytes, capacity, freeBytes, memoryEvictions, recoveries]` */
export declare function segmentUsage(): number[];
/**
 * What is wrong with the segment, if anything is. Throws where a lock is not to be had within so many milliseconds; for tests, that may be left out: then it
 * waits for long, and tells of the lock as of what is wrong.
 */
export declare function segmentValidate(patience?: number): string | undefined;
export declare function segmentNamespaces(): string[];
export declare function segmentDestroy(name: string): boolean;
export declare function segmentProcessExited(): void;
/** Takes apart some of what this process has cleared; true if there is more. */
export declare function segmentReap(): boolean;

/** `leftOut` has a bit for each of them that nobody said: it conflicts with nothing. */
export declare function cacheOpen(name: string, ...options: [...Limits, leftOut: number]): CacheId;
export declare function cacheLookup(name: string): CacheId | undefined;
export declare function cacheClose(id: CacheId): void;
export declare function cacheDeclared(id: CacheId): Limits;

export declare function cacheGet(
  id: CacheId,
  key: Key,
  allowStale?: boolean,
  updateAgeOnGet?: boolean,
  noDeleteOnStaleGet?: boolean,
): any;
export declare function cachePeek(id: CacheId, key: Key, allowStale?: boolean): any;
export declare function cacheHas(id: CacheId, key: Key, updateAgeOnHas?: boolean): boolean;
/** `[tag, payload, remainingTtl, size]` */
export declare function cacheInfo(id: CacheId, key: Key): any[] | undefined;
/** False for an entry that is larger than any may be. */
export declare function cachePut(id: CacheId, key: Key, value: any): false | undefined;
export declare function cacheSet(
  id: CacheId,
  key: Key,
  payload: any,
  tag?: number,
  ttl?: number,
  size?: number,
  age?: number,
  noUpdateTTL?: boolean,
  tags?: readonly string[],
): boolean;
export declare function cacheSetIfAbsent(
  id: CacheId,
  key: Key,
  payload: any,
  tag?: number,
  ttl?: number,
  size?: number,
  tags?: readonly string[],
): boolean;
export declare function cacheIncr(
  id: CacheId,
  key: Key,
  amount: number,
  ttl?: number,
  size?: number,
  tags?: readonly string[],
): number;
/** What is left of its lifetime stands in the reply. */
export declare function cacheIncrWithTtl(
  id: CacheId,
  key: Key,
  amount: number,
  ttl?: number,
  size?: number,
  tags?: readonly string[],
): number;
export declare function cacheTake(id: CacheId, key: Key): any;
export declare function cacheGetWithVersion(
  id: CacheId,
  key: Key,
): [tag: number, payload: any, version: string] | undefined;
export declare function cacheSetIfVersion(
  id: CacheId,
  key: Key,
  value: any,
  tag?: number,
  version?: string,
  ttl?: number,
  size?: number,
  tags?: readonly string[],
): boolean;
export declare function cacheInvalidateTags(id: CacheId, tags: readonly string[]): void;
export declare function cacheTouch(id: CacheId, key: Key, ttl?: number): boolean;
export declare function cacheDelete(id: CacheId, key: Key): boolean;
export declare function cacheClear(id: CacheId): void;
/** Goes on from a bucket for a slice; a negative number is the end. */
export declare function cachePurgeStale(id: CacheId, from: number): [next: number, removed: number];
/** In how many milliseconds there is more to purge, and whether something was done; nothing where nothing expires. */
export declare function cachePurgeInTurn(id: CacheId): [wait: number, worked: number] | undefined;
export declare function cacheRemainingTtl(id: CacheId, key: Key): number;
export declare function cacheSize(id: CacheId): number;
/** Nothing where there is more to do before the limit can change. */
export declare function cacheMax(id: CacheId, value?: number): number | undefined;
export declare function cacheTtl(id: CacheId, value?: number): number;
export declare function cacheAllowStale(id: CacheId, value?: boolean): boolean;
export declare function cacheNextExpiry(id: CacheId): number | undefined;
export declare function cacheStats(id: CacheId): number[];
export declare function cacheUsage(id: CacheId): number[];
export declare function cacheHealth(id: CacheId): void;
/** Of each flight its key, the process that leads it (0 where it is not known), the milliseconds left, and how many follow. */
export declare function cacheFlights(id: CacheId): (string | number | boolean | bigint)[];
export declare function cacheDestroy(id: CacheId): boolean;

/** Begins to copy out keys, values, entries or a dump: 0 to 3. */
export declare function cacheWalk(id: CacheId, what: number): number;
/** Copies for a slice of time, and gives nothing; when all is copied, some more of the items, none in the end. */
export declare function cacheWalkOn(walk: number): any[] | undefined;
export declare function cacheWalkEnd(walk: number): void;
export declare function cacheLoad(id: CacheId, flat: any[], checkOnly: boolean): void;

/** `tagged`: whether what the leader brings may bear tags: any, until `cacheBear` says which. */
export declare function cacheClaim(id: CacheId, key: Key, mode: number, lease: number, tagged: boolean): any;
export declare function cacheBear(flight: number, tags: readonly string[]): void;
export declare function cacheRefreshDue(id: CacheId, key: Key, beta: number, random: number): boolean;
export declare function cacheFinish(
  flight: number,
  payload: any,
  tag?: number,
  ttl?: number,
  size?: number,
  grace?: number,
  delta?: number,
  nothing?: boolean,
  tags?: readonly string[],
): boolean;
export declare function cacheFail(flight: number, error: string): void;
export declare function cacheRelease(flight: number): void;
export declare function cacheFollow(flight: number): void;
export declare function cacheWatch(flight: number): void;
