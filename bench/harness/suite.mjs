// Where suites are found, and where a mistaken one is refused. What a suite is stands in types.d.ts.

import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseBar } from './bars.mjs';

/** @typedef {import('./types.d.ts').Row} Row */
/** @typedef {import('./types.d.ts').Suite} Suite */

/** Something in the way the command was called: exit code 2. */
export class UsageError extends Error {}

/** Nanoseconds in each unit of time. @type {Record<string, number>} */
export const TIME_UNITS = { ns: 1, µs: 1e3, ms: 1e6, s: 1e9 };

/** The name of a row. @param {Row} row */
export const pairOf = ({ subject, reference }) =>
  reference === undefined ? subject : `${subject}:${reference}`;

/** The suite and those that get their figures with it. @type {(name: string, suite: Suite) => [string, Suite][]} */
export const withAlso = (name, suite) => [[name, suite], ...Object.entries(suite.also ?? {})];

/** The suite's figure of what a round gave. @type {(suite: Suite, round: any) => number} */
export const figureOf = ({ figure }, round) => (figure === undefined ? round : figure(round));

/** In how many parts a round is taken: a quick one is too short for any. @type {(suite: Suite, quick: boolean) => number} */
export const partsOf = ({ parts = 1 }, quick) => (quick ? 1 : parts);

/**
 * The rows that `--only` asks for: the one of that name, or else those whose names have it in them.
 *
 * @param {Suite} suite
 * @param {string | null} only
 */
export function rowsNamed({ rows }, only) {
  if (only === null) return rows;
  const one = rows.filter((row) => pairOf(row) === only);
  return one.length > 0 ? one : rows.filter((row) => pairOf(row).includes(only));
}

/** @param {string} folder */
export async function suiteNames(folder) {
  const files = await readdir(folder);
  return files.flatMap((file) => (file.endsWith('.mjs') ? path.basename(file, '.mjs') : [])).sort();
}

/**
 * @param {string} folder
 * @param {string} name
 * @returns {Promise<Suite>}
 */
export async function loadSuite(folder, name) {
  const names = await suiteNames(folder);
  if (!names.includes(name)) {
    throw new UsageError(`there is no suite '${name}'; the suites are: ${names.join(', ')}`);
  }
  const module = await import(pathToFileURL(path.join(folder, `${name}.mjs`)).href);
  for (const [each, suite] of withAlso(name, module.default ?? {})) {
    const problem = problemOf(suite);
    if (problem !== undefined) throw new TypeError(`the suite '${each}' is mistaken: ${problem}`);
  }
  return module.default;
}

/**
 * What the types of a suite do not say.
 *
 * @param {Suite} suite
 * @returns {string | undefined}
 */
function problemOf({ contestants = [], rows, unit, direction, rounds = 5 }) {
  if (contestants.length === 0) return 'it has no contestants';
  if (!Number.isInteger(rounds) || rounds < 5) return 'a median needs at least 5 rounds';
  const ids = contestants.map(({ id }) => id);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) return `two contestants have the id '${twice}'`;
  const timed = contestants.find(({ kind }) => kind === 'call' || kind === 'awaited');
  if (timed && !(unit in TIME_UNITS)) return `'${timed.id}' is timed, which is not measured in ${unit}`;
  for (const { subject, reference, bar } of rows) {
    const unknown = [subject, reference ?? subject].find((id) => !ids.includes(id));
    if (unknown !== undefined) return `a row names the contestant '${unknown}', which there is not`;
    if (bar !== undefined) parseBar(bar, direction);
  }
  return undefined;
}
