// The result of a run: one JSON document, from which the report, the chart and the tables are drawn. It
// holds every round, so that what is shown can be recomputed.

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { judge, parseBar, ratioOf } from './bars.mjs';
import { median, quartiles } from './statistics.mjs';
import { figureOf, pairOf, rowsNamed } from './suite.mjs';

/** @typedef {import('./bars.mjs').Bar} Bar */
/** @typedef {import('./bars.mjs').Direction} Direction */
/** @typedef {import('./bars.mjs').Verdict} Verdict */

const FORMAT = 1;

/**
 * @typedef {object} ContestantResult
 * @property {string} id
 * @property {string} label
 * @property {string} kind
 * @property {boolean} ours
 * @property {Record<string, string>} packages
 * @property {string} [leftOut] in place of the fields below
 * @property {number} [median]
 * @property {[number, number]} [quartiles]
 * @property {number} [callsPerRound]
 * @property {number[]} [rounds]
 */

/**
 * @typedef {object} RowResult
 * @property {string} pair
 * @property {string} label
 * @property {string} subject
 * @property {string | null} reference
 * @property {Direction} direction
 * @property {'ratio' | 'ratio of speeds' | 'figure'} shows
 * @property {number | null} value of the medians; null when a side was left out or the reference is 0
 * @property {[number, number] | null} quartiles of the values of the single rounds
 * @property {string | null} bar
 * @property {Verdict | null} verdict null where there is no bar
 */

/**
 * @typedef {object} Result
 * @property {number} format
 * @property {string} suite
 * @property {string} title
 * @property {string} measures
 * @property {string} unit
 * @property {Direction} direction
 * @property {boolean} quick
 * @property {string | null} only the rows that were asked for
 * @property {string} date
 * @property {string | null} commit
 * @property {boolean} changed
 * @property {import('./machine.mjs').Machine} machine
 * @property {number} seed of the order of turns
 * @property {number} rounds
 * @property {ContestantResult[]} contestants
 * @property {RowResult[]} rows
 */

/**
 * @param {string} name
 * @param {import('./suite.mjs').Suite} suite
 * @param {import('./measure.mjs').Measurement} measurement
 * @param {object} circumstances
 * @param {boolean} circumstances.quick
 * @param {string | null} circumstances.only
 * @param {string} circumstances.date
 * @param {import('./machine.mjs').Revision} circumstances.revision
 * @param {import('./machine.mjs').Machine} circumstances.machine
 * @returns {Result}
 */
export function buildResult(name, suite, measurement, { quick, only, date, revision, machine }) {
  const contestants = measurement.contestants.map((measured) => contestantResult(measured, suite));
  return {
    format: FORMAT,
    suite: name,
    title: suite.title,
    measures: suite.measures,
    unit: suite.unit,
    direction: suite.direction,
    quick,
    only,
    date,
    ...revision,
    machine,
    seed: measurement.seed,
    rounds: measurement.rounds,
    contestants,
    rows: rowsNamed(suite, only).map((row) => rowResult(row, suite, contestants, quick)),
  };
}

/**
 * @param {import('./measure.mjs').Measured} measured
 * @param {import('./suite.mjs').Suite} suite
 * @returns {ContestantResult}
 */
function contestantResult({ contestant, packages, leftOut, calls, ...measured }, suite) {
  const rounds = measured.rounds.map((round) => figureOf(suite, round));
  const { id, label, kind, ours = false } = contestant;
  const described = { id, label, kind, ours, packages };
  if (leftOut !== undefined) return { ...described, leftOut };
  return {
    ...described,
    median: median(rounds),
    quartiles: quartiles(rounds),
    ...(calls === undefined ? {} : { callsPerRound: calls }),
    rounds,
  };
}

/**
 * @param {import('./suite.mjs').Row} row
 * @param {import('./suite.mjs').Suite} suite
 * @param {ContestantResult[]} contestants
 * @param {boolean} quick
 * @returns {RowResult}
 */
function rowResult(row, suite, contestants, quick) {
  const { direction } = suite;
  const subject = contestants.find(({ id }) => id === row.subject);
  const reference = contestants.find(({ id }) => id === row.reference);
  const bar = row.bar === undefined ? undefined : parseBar(row.bar, direction);
  const compared = compare(subject, row.reference === undefined ? null : reference, direction, bar);
  const labels = [subject, reference].flatMap((contestant) => contestant?.label ?? []);
  const ratioShown = bar?.ofSpeed ? 'ratio of speeds' : 'ratio';
  return {
    pair: pairOf(row),
    label: row.label ?? labels.join(' : '),
    subject: row.subject,
    reference: row.reference ?? null,
    direction,
    shows: row.reference === undefined ? 'figure' : ratioShown,
    ...compared,
    bar: row.bar ?? null,
    verdict: bar === undefined ? null : quick ? 'not judged' : judge(compared.value ?? Number.NaN, bar),
  };
}

/**
 * @param {ContestantResult | undefined} subject
 * @param {ContestantResult | undefined | null} reference null when the row has none
 * @param {Direction} direction
 * @param {Bar | undefined} bar
 * @returns {Pick<RowResult, 'value' | 'quartiles'>}
 */
function compare(subject, reference, direction, bar) {
  const nothing = { value: null, quartiles: null };
  if (subject?.median === undefined || subject.rounds === undefined) return nothing;
  if (reference === null) return { value: subject.median, quartiles: quartiles(subject.rounds) };
  if (reference?.median === undefined || reference.rounds === undefined) return nothing;
  const theirs = reference.rounds;
  const value = ratioOf(subject.median, reference.median, direction, bar);
  const ratios = subject.rounds.map((figure, round) => ratioOf(figure, theirs[round] ?? 0, direction, bar));
  return {
    value: Number.isFinite(value) ? value : null,
    quartiles: ratios.every(Number.isFinite) ? quartiles(ratios) : null,
  };
}

/**
 * The bars that keep a full run from passing: missed ones, and those that could not be judged because a
 * contestant was left out. A quick run judges none.
 *
 * @param {Result} result
 * @returns {RowResult[]}
 */
export function unmetBars({ quick, rows }) {
  return quick ? [] : rows.filter(({ verdict }) => verdict !== null && verdict !== 'met');
}

/**
 * @param {string} file
 * @param {Result} result
 */
export async function writeResult(file, result) {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(result, null, 2).replace(NUMBER_LISTS, onOneLine)}\n`);
}

const NUMBER_LISTS = /\[[-\d.,e\s]+\]/g;

/**
 * @param {string} list
 * @returns {string}
 */
function onOneLine(list) {
  return list.replace(/\s+/g, ' ').replace('[ ', '[').replace(' ]', ']');
}

/**
 * @param {string} file
 * @returns {Promise<Result>}
 */
export async function readResult(file) {
  const result = /** @type {Result} */ (JSON.parse(await readFile(file, 'utf8')));
  const name = path.basename(file, '.json');
  if (result.format !== FORMAT) {
    throw new Error(`${path.basename(file)} has another format: run 'npm run bench -- ${name}' again`);
  }
  return result;
}

/** @typedef {{ file: string, isReference: boolean, result: Result }} Kept */

/**
 * @param {string} folder
 * @returns {Promise<Kept[]>} sorted by their files: those of the reference, and of each other major of Node.js
 */
export async function readResults(folder) {
  const files = await readdir(folder, { recursive: true }).catch(
    (/** @type {NodeJS.ErrnoException} */ error) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    },
  );
  const results = files.filter((file) => /(?<!\.local)\.json$/.test(file)).sort();
  return Promise.all(
    results.map(async (name) => {
      const file = path.join(folder, name);
      return { file, isReference: path.dirname(name) === '.', result: await readResult(file) };
    }),
  );
}
