// A measurement: every contestant prepared, warmed up, run in turns with the others, and closed again.
//
// All contestants are prepared before the first round and stay so until the last, for their rounds alternate.
// What was prepared is closed whatever happens; an interrupt ends the run after the round under way.

import { timedCall } from './call.mjs';
import { checkRequirements } from './requirements.mjs';
import { timeProcess } from './spawned.mjs';
import { figureOf, isTimeUnit, RATE_UNIT, TIME_UNITS, withAlso } from './suite.mjs';
import { turns } from './turns.mjs';

/** @typedef {import('./suite.mjs').Contestant} Contestant */
/** @typedef {import('./suite.mjs').Context} Context */

const SEED = 1;
const FULL = Object.freeze({ rounds: 15, milliseconds: 100, warmUps: 2 });
const QUICK = Object.freeze({ rounds: 3, milliseconds: 10, warmUps: 1 });

/** The user asked to stop: nothing is reported, for half a run is no measurement. */
export class Interrupted extends Error {}

/**
 * @typedef {object} Runner a contestant that is ready to run
 * @property {Contestant} contestant
 * @property {() => Promise<any>} round gives one figure in the suite's unit, or what it is taken from
 * @property {(() => unknown) | undefined} close
 * @property {number} [calls] how many calls one round makes
 */

/**
 * @typedef {object} Measured
 * @property {Contestant} contestant
 * @property {Record<string, string>} packages the versions of those it uses
 * @property {string} [leftOut] why it was not measured
 * @property {number} [calls]
 * @property {any[]} rounds what they gave; those of one round stand at the same place in every contestant
 */

/**
 * @typedef {object} Measurement
 * @property {number} seed
 * @property {number} rounds
 * @property {Measured[]} contestants in the order of the suite
 */

/**
 * @param {import('./suite.mjs').Suite} suite
 * @param {object} options
 * @param {string} options.root
 * @param {boolean} options.quick
 * @param {Contestant[]} options.contestants those of the suite that take part
 * @param {(text: string) => void} options.progress
 * @param {() => boolean} options.interrupted
 * @returns {Promise<Measurement>}
 */
export async function measure(suite, { root, quick, contestants, progress, interrupted }) {
  const { warmUps, rounds, milliseconds } = lengths(suite, quick);
  const context = { root, quick, milliseconds };
  /** @type {Runner[]} */
  const runners = [];
  /** @type {Measured[]} */
  const measured = [];
  try {
    for (const contestant of contestants) {
      const { leftOut, packages } = await checkRequirements(contestant, root);
      measured.push({ contestant, packages, leftOut, rounds: [] });
      if (leftOut !== undefined) continue;
      progress(`preparing ${contestant.label}`);
      runners.push(await named(contestant, () => prepare(contestant, suite, context)));
    }
    const figures = await runInTurns(runners, { warmUps, rounds, progress, interrupted });
    for (const entry of measured) {
      entry.rounds = figures.get(entry.contestant) ?? [];
      entry.calls = runners.find(({ contestant }) => contestant === entry.contestant)?.calls;
    }
  } finally {
    await closeAll(runners);
  }
  return { seed: SEED, rounds, contestants: measured };
}

/**
 * @param {import('./suite.mjs').Suite} suite
 * @param {boolean} quick
 */
function lengths({ rounds = FULL.rounds, milliseconds = FULL.milliseconds }, quick) {
  return quick ? QUICK : { rounds, milliseconds, warmUps: FULL.warmUps };
}

/**
 * @param {Runner[]} runners
 * @param {object} options
 * @param {number} options.warmUps rounds that are run but not counted
 * @param {number} options.rounds
 * @param {(text: string) => void} options.progress
 * @param {() => boolean} options.interrupted
 * @returns {Promise<Map<Contestant, any[]>>}
 */
async function runInTurns(runners, { warmUps, rounds, progress, interrupted }) {
  /** @type {Map<Contestant, any[]>} */
  const figures = new Map(runners.map(({ contestant }) => [contestant, []]));
  for (const [index, order] of turns(runners, warmUps + rounds, SEED).entries()) {
    const counts = index >= warmUps;
    const where = counts ? `round ${index - warmUps + 1} of ${rounds}` : 'warming up';
    for (const { contestant, round } of order) {
      if (interrupted()) throw new Interrupted('interrupted: no figures were kept');
      progress(`${where}: ${contestant.label}`);
      const figure = await named(contestant, round);
      if (counts) figures.get(contestant)?.push(figure);
    }
  }
  return figures;
}

/**
 * @param {Contestant} contestant
 * @param {import('./suite.mjs').Suite} suite
 * @param {Context} context
 * @returns {Promise<Runner>}
 */
async function prepare(contestant, suite, context) {
  const { unit } = suite;
  if (contestant.kind === 'process') {
    const { command, close } = await contestant.prepare(context);
    return { contestant, close, round: async () => inUnit(await timeProcess(command), unit) };
  }
  if (contestant.kind === 'round') {
    const { round, close } = await contestant.prepare(context);
    return { contestant, close, round: async () => checkedRound(suite, await round()) };
  }
  const { call, close } = await contestant.prepare(context);
  try {
    const awaited = contestant.kind === 'awaited';
    const timed = await timedCall(call, { awaited, milliseconds: context.milliseconds });
    return { contestant, close, calls: timed.calls, round: async () => inUnit(await timed.round(), unit) };
  } catch (error) {
    await close?.();
    throw error;
  }
}

/**
 * @param {number} nanoseconds
 * @param {string} unit
 * @returns {number}
 */
function inUnit(nanoseconds, unit) {
  if (unit === RATE_UNIT) return 1e9 / nanoseconds;
  return isTimeUnit(unit) ? nanoseconds / TIME_UNITS[unit] : Number.NaN;
}

/**
 * @param {import('./suite.mjs').Suite} suite
 * @param {unknown} round
 */
function checkedRound(suite, round) {
  for (const [, each] of withAlso('', suite)) {
    const figure = figureOf(each, round);
    if (typeof figure === 'number' && Number.isFinite(figure) && figure >= 0) continue;
    throw new TypeError(`a round gave ${String(figure)}, which is no figure`);
  }
  return round;
}

/**
 * Puts the contestant's name before an error, so that a failed run says whose failure it is.
 *
 * @template T
 * @param {Contestant} contestant
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
async function named(contestant, work) {
  try {
    return await work();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`the contestant '${contestant.id}' failed: ${message}`, { cause: error });
  }
}

/**
 * @param {Runner[]} runners
 */
async function closeAll(runners) {
  /** @type {unknown[]} */
  const failures = [];
  for (const { contestant, close } of [...runners].reverse()) {
    if (close === undefined) continue;
    await named(contestant, async () => close()).catch((error) => failures.push(error));
  }
  if (failures.length > 0) throw failures[0];
}
