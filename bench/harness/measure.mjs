// A measurement: every contestant prepared, warmed up, run in turns with the others, and closed again.
//
// All contestants are prepared before the first round and stay so until the last, for their rounds alternate; those that are
// sliced share a round, and so do all of a suite whose rounds are in parts. What was prepared is closed whatever happens; an
// interrupt ends the run after the round under way, or after its slice or part.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { isOnPath } from '../../scripts/programs.mjs';
import { timedCall } from './call.mjs';
import { keepOnOneCore } from './core.mjs';
import { slicedRound } from './slices.mjs';
import { figureOf, partsOf, TIME_UNITS, withAlso } from './suite.mjs';
import { turns } from './turns.mjs';

/** @typedef {import('./types.d.ts').Contestant} Contestant */
/** @typedef {import('./types.d.ts').Measured} Measured */
/** @typedef {import('./types.d.ts').Suite} Suite */

export const SEED = 1;
const FULL = { rounds: 15, milliseconds: 100, warmUps: 2 };
const QUICK = { rounds: 1, milliseconds: 10, warmUps: 1 };

/** @typedef {{ entry: Measured, round: (isFirst?: boolean) => any, sliced?: import('./types.d.ts').Sliced, pid?: number, close?: () => unknown }} Runner */

/** The user asked to stop: nothing is reported, for half a run is no measurement. */
export class Interrupted extends Error {}

/**
 * @param {Suite} suite
 * @param {object} options
 * @param {string} options.root
 * @param {boolean} options.quick
 * @param {Contestant[]} options.contestants those of the suite that take part
 * @param {(text: string) => void} options.progress
 * @param {() => boolean} options.interrupted
 * @returns {Promise<Measured[]>} in the order of the suite
 */
export async function measure(suite, { root, quick, contestants, progress, interrupted }) {
  const { rounds, milliseconds, warmUps } = quick ? QUICK : { ...FULL, ...suite };
  const parts = partsOf(suite, quick);
  const measured = contestants.map((contestant) => ({ contestant, ...requirements(contestant, root) }));
  refuseNobody(measured);
  /** @type {Runner[]} */
  const runners = [];
  const goOn = () => {
    if (interrupted()) throw new Interrupted('interrupted: no figures were kept');
  };
  try {
    for (const entry of measured.filter(({ leftOut }) => leftOut === undefined)) {
      progress(`preparing ${entry.contestant.label}`);
      await named(entry, async () => {
        const prepared = await entry.contestant.prepare({ root, quick, milliseconds, parts });
        const { close, pid } = /** @type {{ close?: () => unknown, pid?: number }} */ (prepared);
        const runner = /** @type {Runner} */ ({ entry, close, pid });
        runners.push(runner);
        if (entry.contestant.kind === 'sliced') runner.sliced = slicedOf(entry, prepared, suite);
        else runner.round = await roundOf(entry, prepared, suite, { milliseconds, parts });
      });
    }
    if (parts > 1) keepTogether(runners);
    for (const [index, order] of turns(together(runners, parts), warmUps + rounds, SEED).entries()) {
      const where = index < warmUps ? 'warming up' : `round ${index - warmUps + 1} of ${rounds}`;
      for (const members of order) {
        goOn();
        progress(`${where}: ${labelOf(members)}`);
        const figures = await roundTogether(members, { milliseconds, parts, seed: SEED + index, goOn });
        if (index < warmUps) continue;
        for (const [place, { entry }] of members.entries()) entry.rounds.push(figures[place]);
      }
    }
  } finally {
    await closeAll(runners);
  }
  return measured;
}

/** @param {Measured[]} measured who was to take part */
function refuseNobody(measured) {
  const reasons = new Set(measured.map(({ leftOut }) => leftOut));
  if (reasons.has(undefined)) return;
  throw new Error(`there is nobody to measure, and earlier figures stay: ${[...reasons].join('; ')}`);
}

/** @param {Runner[]} runners in this process, or in one of their own */
function keepTogether(runners) {
  keepOnOneCore(process.pid);
  for (const { pid } of runners) if (pid !== undefined) keepOnOneCore(pid);
}

/**
 * Those that are sliced together, and each of the others alone, or all of them where rounds are in parts.
 *
 * @param {Runner[]} runners
 * @param {number} parts
 */
function together(runners, parts) {
  /** @type {Map<unknown, Runner[]>} */
  const turns = new Map();
  for (const runner of runners) {
    const { contestant } = runner.entry;
    const alone = parts > 1 ? parts : runner;
    const key = contestant.kind === 'sliced' ? contestant.together : alone;
    turns.set(key, [...(turns.get(key) ?? []), runner]);
  }
  return [...turns.values()];
}

/** @param {Runner[]} members */
function labelOf(members) {
  const [first = '', ...others] = members.map(({ entry }) => entry.contestant.label);
  return others.length === 0 ? first : `${first}, and ${others.length} beside it`;
}

/**
 * @param {Runner[]} members
 * @param {Parameters<typeof slicedRound>[1] & { parts: number }} options
 * @returns {Promise<any[]>}
 */
async function roundTogether(members, options) {
  const sliced = members.flatMap((member) => member.sliced ?? []);
  if (sliced.length > 0) return slicedRound(sliced, options);
  if (options.parts > 1) return dividedRound(members, options);
  return Promise.all(members.map(({ entry, round }) => named(entry, async () => round())));
}

/**
 * A round in parts, which all take in turns.
 *
 * @param {Runner[]} members
 * @param {{ parts: number, seed: number, goOn: () => void }} options
 * @returns {Promise<number[]>} the mean of the parts, of each
 */
async function dividedRound(members, { parts, seed, goOn }) {
  const sums = new Map(members.map((member) => [member, 0]));
  for (const [part, order] of turns(members, parts, seed).entries()) {
    for (const member of order) {
      goOn();
      const figure = await named(member.entry, async () => member.round(part === 0));
      sums.set(member, (sums.get(member) ?? 0) + figure);
    }
  }
  return members.map((member) => (sums.get(member) ?? Number.NaN) / parts);
}

/**
 * @param {Measured} entry
 * @param {any} prepared
 * @param {Suite} suite
 * @returns {import('./types.d.ts').Sliced}
 */
function slicedOf(entry, { begin, go, halt, end }, suite) {
  return {
    begin: () => named(entry, async () => begin()),
    go,
    halt,
    end: (ran) =>
      named(entry, async () => {
        const round = await end(ran);
        return round === undefined ? undefined : checkedRound(suite, round);
      }),
  };
}

/**
 * @param {Measured} entry
 * @param {any} prepared
 * @param {Suite} suite
 * @param {{ milliseconds: number, parts: number }} length
 * @returns {Promise<(isFirst?: boolean) => Promise<any>>}
 */
async function roundOf(entry, { round, call }, suite, length) {
  const { kind } = entry.contestant;
  if (kind === 'round') return async (isFirst) => checkedRound(suite, await round(isFirst));
  const timed = await timedCall(call, { awaited: kind === 'awaited', ...length });
  entry.calls = timed.calls;
  return async (isFirst) => (await timed.round(isFirst)) / (TIME_UNITS[suite.unit] ?? Number.NaN);
}

/**
 * @param {Suite} suite
 * @param {unknown} round
 */
function checkedRound(suite, round) {
  const figures = withAlso('', suite).map(([, each]) => figureOf(each, round));
  const wrong = figures.findIndex((figure) => !(Number.isFinite(figure) && figure >= 0));
  if (wrong >= 0) throw new TypeError(`a round gave ${String(figures[wrong])}, which is no figure`);
  return round;
}

/**
 * What a contestant needs from outside. One that lacks something is left out, and every report says so and why.
 *
 * @param {Contestant} contestant
 * @param {string} root the folder whose packages count
 * @returns {Omit<Measured, 'contestant'>}
 */
function requirements({ packages = [], programs = [], absent }, root) {
  /** @type {Record<string, string>} */
  const versions = {};
  const missing = (/** @type {string} */ leftOut) => ({ leftOut, packages: versions, rounds: [] });
  for (const name of packages) {
    try {
      const manifest = readFileSync(path.join(root, 'node_modules', name, 'package.json'), 'utf8');
      versions[name] = JSON.parse(manifest).version;
    } catch {
      return missing(`the package ${name} is not installed`);
    }
  }
  const program = programs.find((name) => !isOnPath(name));
  if (program !== undefined) return missing(`the program ${program} is not on the PATH`);
  return { leftOut: absent?.(), packages: versions, rounds: [] };
}

/**
 * Puts the contestant's name before an error, so that a failed run says whose failure it is.
 *
 * @template T
 * @param {Measured} entry
 * @param {() => Promise<T>} work
 */
async function named({ contestant: { id } }, work) {
  try {
    return await work();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`the contestant '${id}' failed: ${message}`, { cause: error });
  }
}

/** @param {{ entry: Measured, close?: () => unknown }[]} runners the last is closed first, and none is left out */
async function closeAll(runners) {
  /** @type {unknown[]} */
  const failures = [];
  for (const { entry, close } of [...runners].reverse()) {
    await named(entry, async () => close?.()).catch((error) => failures.push(error));
  }
  if (failures.length > 0) throw failures[0];
}
