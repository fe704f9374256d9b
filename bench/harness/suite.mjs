// What a suite is, where suites are found, and the door at which a mistaken one is refused.

import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseBar } from './bars.mjs';

/** @typedef {import('./bars.mjs').Direction} Direction */

/**
 * What a contestant is told when it prepares itself.
 *
 * @typedef {object} Context
 * @property {string} root the root folder of the repository
 * @property {boolean} quick a smoke run: be short
 * @property {number} milliseconds how long one round should last
 */

/**
 * @typedef {object} ContestantBase
 * @property {string} id lower-case letters, digits and dashes
 * @property {string} label what the reports call it
 * @property {boolean} [ours] drawn in the chart's accent colour
 * @property {string[]} [packages] npm packages without which it is left out
 * @property {string[]} [programs] programs on the PATH without which it is left out
 * @property {() => string | undefined | Promise<string | undefined>} [absent] gives a reason to leave it out
 */

/** @typedef {{ close?: () => unknown }} Closable what `prepare` opened is closed here, also after a failure */
/** @typedef {Closable & { call: (turn: number) => unknown }} PreparedCall */
/** @typedef {Closable & { command: import('./spawned.mjs').Command }} PreparedProcess */
/** @typedef {Closable & { round: () => any }} PreparedRound gives the figure, in the suite's unit, or promises it */

/**
 * @template {string} K
 * @template P
 * @typedef {ContestantBase & { kind: K, prepare: (context: Context) => P | Promise<P> }} Kind
 */

/** @typedef {Kind<'call', PreparedCall>} CallContestant timed in a loop */
/** @typedef {Kind<'awaited', PreparedCall>} AwaitedContestant timed in a loop that awaits each call */
/** @typedef {Kind<'process', PreparedProcess>} ProcessContestant timed from spawn to exit */
/** @typedef {Kind<'round', PreparedRound>} RoundContestant measures itself */
/** @typedef {CallContestant | AwaitedContestant | ProcessContestant | RoundContestant} Contestant */

/**
 * Two contestants compared, or the figure of one when there is no reference.
 *
 * @typedef {object} Row
 * @property {string} subject the id of a contestant
 * @property {string} [reference] the id of another
 * @property {string} [label] in place of the two labels
 * @property {string} [bar] `at most N`, `at least N`, `at least Nx faster`
 */

/**
 * @typedef {object} Suite
 * @property {string} title
 * @property {string} measures one line: what is measured, and how
 * @property {string} unit
 * @property {Direction} direction a unit has one, so all rows of the suite share it
 * @property {number} [rounds] of each contestant, at least 5; 15 by default
 * @property {number} [milliseconds] the length of a round; 100 by default
 * @property {(round: any) => number} [figure] the suite's of what a round gave; that itself by default
 * @property {Record<string, Suite>} [also] suites, by name, that take another figure of the same rounds
 * @property {Contestant[]} contestants
 * @property {Row[]} rows
 */

/** Something in the way the command was called: exit code 2. */
export class UsageError extends Error {}

/** Nanoseconds in each unit of time. */
export const TIME_UNITS = Object.freeze({ ns: 1, µs: 1e3, ms: 1e6, s: 1e9 });
export const RATE_UNIT = 'ops/s';
const LONGEST_LABEL = 90;
const KINDS = ['call', 'awaited', 'process', 'round'];

/**
 * The name of a row.
 *
 * @param {Row} row
 * @returns {string}
 */
export function pairOf(row) {
  return row.reference === undefined ? row.subject : `${row.subject}:${row.reference}`;
}

/**
 * The suite and those that get their figures with it.
 *
 * @param {string} name
 * @param {Suite} suite
 * @returns {[name: string, suite: Suite][]}
 */
export function withAlso(name, suite) {
  return [[name, suite], ...Object.entries(suite.also ?? {})];
}

/**
 * @param {Suite} suite
 * @param {unknown} round what a round of a contestant gave
 * @returns {number}
 */
export function figureOf({ figure }, round) {
  return figure === undefined ? /** @type {number} */ (round) : figure(round);
}

/**
 * The rows that `--only` asks for: the one of that name, or else those whose names have it in them.
 *
 * @param {Suite} suite
 * @param {string | null} only
 * @returns {Row[]}
 */
export function rowsNamed({ rows }, only) {
  if (only === null) return rows;
  const one = rows.filter((row) => pairOf(row) === only);
  return one.length > 0 ? one : rows.filter((row) => pairOf(row).includes(only));
}

/**
 * @param {string} unit
 * @returns {unit is keyof typeof TIME_UNITS}
 */
export function isTimeUnit(unit) {
  return Object.hasOwn(TIME_UNITS, unit);
}

/**
 * @param {string} folder
 * @returns {Promise<string[]>} the names of the suites, sorted
 */
export async function suiteNames(folder) {
  const files = await readdir(folder);
  const endings = files.filter((file) => file.endsWith('.mjs'));
  return endings.map((file) => file.slice(0, -'.mjs'.length)).sort();
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
  return checkSuite(name, module.default);
}

/**
 * @param {string} name
 * @param {Suite} suite
 * @returns {Suite} the same
 */
export function checkSuite(name, suite) {
  const problem = problemOf(suite);
  if (problem !== undefined) throw new TypeError(`the suite '${name}' is mistaken: ${problem}`);
  for (const [other, its] of Object.entries(suite.also ?? {})) checkSuite(other, its);
  return suite;
}

/**
 * @param {Suite} suite
 * @returns {string | undefined}
 */
function problemOf(suite) {
  if (typeof suite !== 'object' || suite === null) return 'its module has no default export';
  for (const field of /** @type {const} */ (['title', 'measures', 'unit'])) {
    if (typeof suite[field] !== 'string' || suite[field] === '') return `it has no ${field}`;
  }
  if (suite.direction !== 'lower is better' && suite.direction !== 'higher is better') {
    return `its direction is neither 'lower is better' nor 'higher is better'`;
  }
  const counted = suite.unit === RATE_UNIT ? 'higher is better' : suite.direction;
  const wanted = isTimeUnit(suite.unit) ? 'lower is better' : counted;
  if (suite.direction !== wanted) return `${wanted} where the unit is ${suite.unit}`;
  const { rounds = 5, milliseconds = 100 } = suite;
  if (!Number.isInteger(rounds) || rounds < 5) return 'a median needs at least 5 rounds';
  if (!(milliseconds > 0)) return 'a round must last longer than 0 milliseconds';
  return problemOfContestants(suite) ?? problemOfRows(suite);
}

/**
 * @param {Suite} suite
 * @returns {string | undefined}
 */
function problemOfContestants({ contestants, unit }) {
  if (contestants.length === 0) return 'it has no contestants';
  const ids = contestants.map(({ id }) => id);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) return `two contestants have the id '${twice}'`;
  for (const contestant of contestants) {
    const problem = problemOfContestant(contestant, unit);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/**
 * @param {Contestant} contestant
 * @param {string} unit
 * @returns {string | undefined}
 */
function problemOfContestant({ id, label, kind, prepare }, unit) {
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(id)) return `'${id}' is no id: lower-case letters, digits, dashes`;
  if (typeof label !== 'string' || label === '' || label.length > LONGEST_LABEL) {
    return `the label of '${id}' must have 1 to ${LONGEST_LABEL} characters`;
  }
  if (!KINDS.includes(kind)) return `the kind of '${id}' is none of ${KINDS.join(', ')}`;
  if (typeof prepare !== 'function') return `'${id}' has no function prepare`;
  const measurable = kind === 'round' || isTimeUnit(unit) || (unit === RATE_UNIT && kind !== 'process');
  return measurable ? undefined : `'${id}' is a ${kind}, which is not measured in ${unit}`;
}

/**
 * @param {Suite} suite
 * @returns {string | undefined}
 */
function problemOfRows({ contestants, rows, direction }) {
  const ids = contestants.map(({ id }) => id);
  const seen = new Set();
  for (const row of rows) {
    const { subject, reference = '', bar } = row;
    if (!ids.includes(subject)) return `a row names the contestant '${subject}', which there is not`;
    if (row.reference !== undefined && !ids.includes(reference)) {
      return `a row names the contestant '${reference}', which there is not`;
    }
    if (subject === reference) return `a row compares '${subject}' with itself`;
    if (seen.has(pairOf(row))) return `there are two rows ${pairOf(row)}`;
    seen.add(pairOf(row));
    try {
      if (bar !== undefined && parseBar(bar, direction).ofSpeed && row.reference === undefined) {
        return `the row ${pairOf(row)} has no reference to be faster than`;
      }
    } catch (error) {
      return /** @type {Error} */ (error).message;
    }
  }
  return undefined;
}
