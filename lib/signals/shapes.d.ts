/** What the modules of this folder know of each other's objects: types alone, so that they may refer in circles. */

export interface Source {
  value: any;
  version: number;
  seen: number;
  firstTarget: Link | null;
  lastTarget: Link | null;
  unsettled: boolean;
  settled: any;
  refresh(): void;
  attach(link: Link): void;
  detach(link: Link): void;
}

export interface Link {
  source: Source;
  target: Target;
  version: number;
  nextSource: Link | null;
  previousTarget: Link | null;
  nextTarget: Link | null;
}

/** What can read a source. */
export type Target = Observer | View;

/** What runs a user's function, and notes what it reads. */
export type Observer = Derived | Reaction;

interface Reads {
  flags: number;
  run: number;
  sources: Link | null;
  tail: Link | null;
}

export interface Derived extends Source, Reads {
  fn: () => any;
  equals: Equals | undefined;
  scope: Scope | undefined;
  checked: number;
  read(): any;
}

export interface Reaction extends Reads {
  scope: Scope | undefined;
  nextQueued: Reaction | null;
  flush: number;
  runsInFlush: number;
  owned: Set<Reaction> | null;
  owner: Reaction | null;
  execute(): void;
  stop(errors: unknown[]): void;
  dispose(): void;
}

export interface View extends Source {
  signal: Signal;
  scope: Scope;
  flags: number;
  invalidate(): void;
}

export interface Cell extends Source {
  signal: Signal;
  next: Cell | null;
}

/** Without it, values are compared by `Object.is`. */
export type Equals = (a: any, b: any) => boolean;
export type Format = { write(value: any): unknown; read(json: unknown): any };

export interface Signal extends Source {
  format: Format | false | undefined;
  readonly key: string;
  isEqual(a: any, b: any): boolean;
}

export interface Computed extends Derived {
  get(): any;
}

/** The effects that end with a scope. */
export interface EffectHolder {
  reactions: Set<Reaction>;
  ended: boolean;
}

export interface Scope {
  parent: Scope | null;
  readSignal(signal: Signal): any;
  writeSignal(signal: Signal, value: any): void;
  readComputed(computed: Computed): any;
  provider(signal: Signal): Cell | Signal;
  registerView(view: View): void;
  unregisterView(view: View): void;
  effectHolder(): EffectHolder | null;
  serialize(): Record<string, unknown>;
  endEffects(errors: unknown[]): void;
}

/** Where the running code's scope is kept. */
export interface ScopeStorage {
  getStore(): Scope | undefined;
  run<T>(scope: Scope | undefined, fn: () => T): T;
}
