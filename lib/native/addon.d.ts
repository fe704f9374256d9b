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
