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
