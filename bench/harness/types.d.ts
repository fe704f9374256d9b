// What the parts of the harness hand to one another.

export type Direction = 'lower is better' | 'higher is better';

/** What a contestant is told when it prepares itself. */
export interface Context {
  /** The root folder of the repository. */
  root: string;
  /** A smoke run: be short. */
  quick: boolean;
  /** How long one round should last. */
  milliseconds: number;
  /** In how many parts. */
  parts: number;
}

interface Base {
  /** Lower-case letters, digits and dashes. */
  id: string;
  /** What the reports call it. */
  label: string;
  /** Drawn in the chart’s accent colour. */
  ours?: boolean;
  /** npm packages without which it is left out. */
  packages?: string[];
  /** Programs on the PATH without which it is left out. */
  programs?: string[];
  /** Gives a reason to leave it out. */
  absent?: () => string | undefined;
}

/** What `prepare` opened is closed by `close`, also after a failure. */
type Prepare<P> = (
  context: Context,
) => (P & { close?: () => unknown }) | Promise<P & { close?: () => unknown }>;

/** Timed in a loop, which awaits each call of an `awaited` one. */
export type CallContestant = Base & {
  kind: 'call' | 'awaited';
  /** `pid` is a process that answers, if it may share a core with the others. */
  prepare: Prepare<{ call: (turn: number) => unknown; pid?: number }>;
};
/** Measures itself: `round` gives the figure in the suite’s unit, or promises it. */
export type RoundContestant = Base & {
  kind: 'round';
  /** `pid` is the process that a round runs in, if it may share a core with the others. */
  prepare: Prepare<{ round: (isFirst?: boolean) => any; pid?: number }>;
};
/** Takes turns of a slice with those of the same `together`, and is halted while they run: for processes with a load. */
export type SlicedContestant = Base & { kind: 'sliced'; together: string; prepare: Prepare<Sliced> };
export type Contestant = CallContestant | RoundContestant | SlicedContestant;

/** A round of it, in slices. */
export interface Sliced {
  /** Starts what the round needs, which halts at once. */
  begin: () => unknown;
  /** Lets it run. It runs when that is done. */
  go: () => unknown;
  halt: () => void;
  /** Ends the round. `ran` is how many milliseconds passed between `go` and `halt`. Gives what a round gives; nothing where nothing was done. */
  end: (ran: number) => any;
}

/** Two contestants compared, or the figure of one when there is no reference. */
export interface Row {
  subject: string;
  reference?: string;
  /** In place of the two labels. */
  label?: string;
  /** `at most N`, `at least N`, `at least Nx faster`. */
  bar?: string;
}

export interface Suite {
  title: string;
  /** One line: what is measured, and how. */
  measures: string;
  unit: string;
  /** A unit has one direction, so all rows of the suite share it. */
  direction: Direction;
  /** Of each contestant, at least 5; 15 by default. */
  rounds?: number;
  /** Rounds before them that count for nothing; 2 by default. */
  warmUps?: number;
  /** The length of a round; 100 by default. */
  milliseconds?: number;
  /** In how many parts all take their rounds, in turns, on one core; 1 by default. A round gives a number then. */
  parts?: number;
  /** The suite’s figure of what a round gave; that itself by default. */
  figure?: (round: any) => number;
  /** Suites, by name, that take another figure of the same rounds. */
  also?: Record<string, Suite>;
  contestants: Contestant[];
  rows: Row[];
}

export interface Measured {
  contestant: Contestant;
  /** The versions of the packages that it uses. */
  packages: Record<string, string>;
  /** Why it was not measured. */
  leftOut?: string;
  /** How many calls one round made. */
  calls?: number;
  /** What the rounds gave; those of one round stand at the same place in every contestant. */
  rounds: any[];
}

/** Where and when a run took place. The results are committed: there is no host name, no user and no path in them. */
export interface Circumstances {
  quick: boolean;
  /** The rows that were asked for. */
  only: string | null;
  date: string;
  /** Null outside a repository, or before its first commit. */
  commit: string | null;
  /** Whether files other than documents and results differed from the commit. */
  changed: boolean;
  machine: {
    cpu: string;
    cores: number;
    memoryGiB: number;
    platform: string;
    node: string;
    /** The load average of the minute before: above 0 the machine had other work. */
    loadAtStart: number;
  };
}

export interface ContestantResult {
  id: string;
  label: string;
  kind: string;
  ours: boolean;
  packages: Record<string, string>;
  /** In place of the fields below. */
  leftOut?: string;
  median?: number;
  quartiles?: [number, number];
  callsPerRound?: number;
  rounds?: number[];
}

export interface RowResult {
  pair: string;
  label: string;
  subject: string;
  reference: string | null;
  direction: Direction;
  shows: 'ratio' | 'ratio of speeds' | 'figure';
  /** Of the medians, or the median of the rounds’ ratios where both sides share their rounds; null when a side was left out or the reference is 0. */
  value: number | null;
  /** Of the values of the single rounds. */
  quartiles: [number, number] | null;
  bar: string | null;
  /** Null where there is no bar. */
  verdict: 'met' | 'missed' | 'not judged' | null;
}

/** The JSON document of a run. It holds every round, so that what is shown can be recomputed. */
export interface Result extends Circumstances {
  format: number;
  suite: string;
  title: string;
  measures: string;
  unit: string;
  direction: Direction;
  /** Of the order of turns. */
  seed: number;
  rounds: number;
  /** In how many parts all took each round, in turns; absent where each took its own at once. */
  parts?: number;
  contestants: ContestantResult[];
  rows: RowResult[];
}

/** A committed result: of the reference version of Node.js, or of another major. */
export type Kept = { file: string; isReference: boolean; result: Result };

/** What a run writes to, and where: `root` holds bench/, docs/, README.md and target/. */
export interface Surroundings {
  root: string;
  stdout: { write: (text: string) => unknown };
  stderr: { write: (text: string) => unknown; isTTY?: boolean; columns?: number };
}
