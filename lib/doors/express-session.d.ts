/** `flotilla/express-session`: a store for express-session and @fastify/session. */

import type { EventEmitter } from 'node:events';
import type { LRUCacheClustered, Tier } from '../../index.js';

export interface SessionStoreOptions {
  /** The cache that holds the sessions; without one, a cache of the namespace is made. */
  cache?: LRUCacheClustered<any, any>;
  /** `'sessions'` by default. */
  namespace?: string;
  /** How many sessions the cache of the namespace holds: 100,000 by default. */
  max?: number;
  /** A second tier of the cache of the namespace, for all machines of a fleet: what `redisTier` gives. */
  tier?: Tier;
  /** What stands before a session's id in its key: `'sess:'` by default. */
  prefix?: string;
  /**
   * The lifetime in milliseconds of a session whose cookie has none: a day by default. A function is asked for each
   * session, whatever its cookie says.
   */
  ttl?: number | ((session: any) => number);
  /** Leaves the lifetime as the last write set it, where requests only read. Default `false`. */
  disableTouch?: boolean;
}

/** Each method calls back; without a callback it returns a promise. */
export class FlotillaStore extends EventEmitter {
  constructor(options?: SessionStoreOptions);
  readonly cache: LRUCacheClustered<any, any>;
  get(id: string, callback: (error: any, session?: any) => void): void;
  get(id: string): Promise<any>;
  set(id: string, session: object, callback: (error?: any) => void): void;
  set(id: string, session: object, callback?: (error?: any) => void): Promise<void> | undefined;
  touch(id: string, session: object, callback: (error?: any) => void): void;
  touch(id: string, session: object, callback?: (error?: any) => void): Promise<void> | undefined;
  destroy(id: string, callback: (error?: any) => void): void;
  destroy(id: string, callback?: (error?: any) => void): Promise<void> | undefined;
  all(callback: (error: any, sessions?: any) => void): void;
  all(): Promise<any[]>;
  length(callback: (error: any, length?: number) => void): void;
  length(): Promise<number>;
  clear(callback: (error?: any) => void): void;
  clear(callback?: (error?: any) => void): Promise<void> | undefined;
  regenerate(request: any, callback: (error?: any) => any): void;
  load(id: string, callback: (error: any, session?: any) => any): void;
  createSession(request: any, session: any): any;
}

export { FlotillaStore as default };
