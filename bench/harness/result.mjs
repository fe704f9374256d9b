// The result of a run: one JSON document, from which the report, the chart and the tables are drawn.

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { output } from '../../scripts/run.mjs';
import { judge, parseBar, ratioOf } from './bars.mjs';
import { SEED } from './measure.mjs';
import { median, quartiles } from './statistics.mjs';
import { figureOf, pairOf, partsOf, rowsNamed } from './suite.mjs';

/** @typedef {import('./types.d.ts').Circumstances} Circumstances */
/** @typedef {import('./types.d.ts').ContestantResult} ContestantResult */
/** @typedef {import('./types.d.ts').Measured} Measured */
/** @typedef {import('./types.d.ts').Result} Result */
/** @typedef {import('./types.d.ts').Row} Row */
/** @typedef {import('./types.d.ts').RowResult} RowResult */
/** @typedef {import('./types.d.ts').Suite} Suite */

const FORMAT = 1;

/**
 * @param {string} root
 * @returns {Omit<Circumstances, 'quick' | 'only'>}
 */
export function circumstances(root) {
  const commit = output('git', ['rev-parse', '--verify', 'HEAD'], root) ?? null;
  const changes = output('git', ['status', '--porcelain', '--', '.', ':!*.md', ':!bench/results'], root);
  return {
    date: new Date().toISOString(),
    commit,
    changed: changes !== '',
    machine: {
      cpu: (os.cpus()[0]?.model ?? 'unknown').replace(/\s+/g, ' ').trim(),
      cores: os.availableParallelism(),
      memoryGiB: Math.round(os.totalmem() / 2 ** 30),
      platform: `${process.platform} ${process.arch}`,
      node: process.version,
      loadAtStart: Math.round((os.loadavg()[0] ?? 0) * 100) / 100,
    },
  };
}

/**
 * @param {string} name
 * @param {Suite} suite
 * @param {Measured[]} measured
 * @param {Circumstances} circumstances
 * @returns {Result}
 */
export function buildResult(name, suite, measured, { quick, only, ...origin }) {
  const { title, measures, unit, direction } = suite;
  const parts = partsOf(suite, quick);
  const contestants = measured.map((each) => contestantResult(each, suite));
  return {
    format: FORMAT,
    suite: name,
    title,
    measures,
    unit,
    direction,
    quick,
    only,
    ...origin,
    seed: SEED,
    rounds: Math.max(0, ...measured.map(({ rounds }) => rounds.length)),
    ...(parts > 1 ? { parts } : {}),
    contestants,
    rows: rowsNamed(suite, only).map((row) => rowResult(row, { direction, contestants, quick, parts })),
  };
}

/**
 * @param {Measured} measured
 * @param {Suite} suite
 * @returns {ContestantResult}
 */
function contestantResult({ contestant, packages, leftOut, calls, ...measured }, suite) {
  const { id, label, kind, ours = false } = contestant;
  const described = { id, label, kind, ours, packages };
  if (leftOut !== undefined) return { ...described, leftOut };
  const rounds = measured.rounds.map((round) => figureOf(suite, round));
  const counted = calls === undefined ? {} : { callsPerRound: calls };
  return { ...described, median: median(rounds), quartiles: quartiles(rounds), ...counted, rounds };
}

/**
 * @param {Row} row
 * @param {{ direction: Suite['direction'], contestants: ContestantResult[], quick: boolean, parts: number }} run
 * @returns {RowResult}
 */
function rowResult(row, { direction, contestants, quick, parts }) {
  const subject = contestants.find(({ id }) => id === row.subject);
  const reference = contestants.find(({ id }) => id === row.reference);
  const bar = row.bar === undefined ? undefined : parseBar(row.bar, direction);
  /** @type {(ours?: number, theirs?: number) => number} */
  const compare = (ours = Number.NaN, theirs = Number.NaN) =>
    row.reference === undefined ? ours : ratioOf(ours, theirs, direction, bar);
  const values = subject?.rounds?.map((figure, round) => compare(figure, reference?.rounds?.[round])) ?? [];
  const isShared = values.length > 0 && (parts > 1 || areSliced(subject, reference));
  const value = isShared ? median(values) : compare(subject?.median, reference?.median);
  const shown = Number.isFinite(value) ? value : null;
  return {
    pair: pairOf(row),
    label: row.label ?? [subject, reference].flatMap((side) => side?.label ?? []).join(' : '),
    subject: row.subject,
    reference: row.reference ?? null,
    direction,
    shows: shownAs(row, bar),
    value: shown,
    quartiles: values.length > 0 && values.every(Number.isFinite) ? quartiles(values) : null,
    bar: row.bar ?? null,
    verdict: bar === undefined ? null : quick ? 'not judged' : judge(shown, bar),
  };
}

/**
 * @param {Row} row
 * @param {{ ofSpeed: boolean }} [bar]
 */
const shownAs = ({ reference }, bar) =>
  reference === undefined ? 'figure' : bar?.ofSpeed ? 'ratio of speeds' : 'ratio';

/** @param {(ContestantResult | undefined)[]} sides */
const areSliced = (...sides) => sides.every((side) => side?.kind === 'sliced');

/**
 * The bars that keep a full run from passing: missed ones, and those that could not be judged because a
 * contestant was left out. A quick run judges none.
 *
 * @param {Result} result
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
  // A list of numbers stands on one line.
  const text = JSON.stringify(result, null, 2).replace(/\[[-\d.,e\s]+\]/g, (list) =>
    list.replace(/\s+/g, ' ').replace('[ ', '[').replace(' ]', ']'),
  );
  await writeFile(file, `${text}\n`);
}

/**
 * @param {string} folder
 * @returns {Promise<import('./types.d.ts').Kept[]>} sorted by their files: those of the reference, and of each other major
 *   of Node.js
 */
export async function readResults(folder) {
  const files = await readdir(folder, { recursive: true }).catch(() => []);
  const results = files.filter((file) => /(?<!\.local)\.json$/.test(file)).sort();
  return Promise.all(
    results.map(async (name) => {
      const file = path.join(folder, name);
      const result = /** @type {Result} */ (JSON.parse(await readFile(file, 'utf8')));
      if (result.format !== FORMAT) {
        throw new Error(
          `${name} has another format: run 'npm run bench -- ${path.basename(name, '.json')}' again`,
        );
      }
      return { file, isReference: path.dirname(name) === '.', result };
    }),
  );
}
