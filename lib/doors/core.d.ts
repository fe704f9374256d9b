/** `flotilla/core`: the signals core, in place of `@stateloom/core`. */

export type {
  ComputedOptions,
  Scope,
  ScopeOptions,
  SerializeToScriptOptions,
  Signal,
  SignalOptions,
  Subscribable,
} from '../../index.js';
export {
  batch,
  computed,
  createScope,
  effect,
  hydrateScope,
  runInScope,
  serializeScope,
  serializeToScript,
  signal,
  untracked,
} from '../../index.js';
