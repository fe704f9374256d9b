// The command: lists the suites, runs one, redraws the charts, rewrites the tables.
//
// Only a full run of a whole suite writes under bench/results, which is committed. A quick run and a run of
// some rows write under target/bench, so that they can never pass for the figures in the documents.
//
// Exit codes: 0; 1 for a bar not met, a stale document or chart, a failed measurement; 2 for a call that
// was not understood; 130 after an interrupt.

import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { drawChart } from './chart.mjs';
import { describeMachine, describeRevision } from './machine.mjs';
import { Interrupted, measure } from './measure.mjs';
import { parseOptions } from './options.mjs';
import { Progress } from './progress.mjs';
import { renderReport } from './report.mjs';
import { buildResult, readResults, unmetBars, writeResult } from './result.mjs';
import { loadSuite, pairOf, rowsNamed, suiteNames, UsageError, withAlso } from './suite.mjs';
import { renewDocuments } from './tables.mjs';
import { folderOf, runOnEach } from './versions.mjs';

/** @typedef {import('./options.mjs').Options} Options */
/** @typedef {import('./suite.mjs').Suite} Suite */

/**
 * @typedef {object} Surroundings
 * @property {string} root the folder that holds bench/, docs/, README.md and target/
 * @property {{ write: (text: string) => unknown }} stdout
 * @property {import('./progress.mjs').ProgressStream} stderr
 */

const USAGE = `npm run bench -- <name> [--node <versions>] [--quick] [--only <rows>] [--out <file.json>]
npm run bench -- --charts [--check]    redraw the charts from the results
npm run bench -- --tables [--check]    rewrite the measured tables of the documents

  --quick   a smoke run of seconds: judges no bar, writes under target/bench
  --node    run it on these versions of Node.js, one after the other: 24, or 22,24,26
  --only    the rows whose name, subject:reference, holds this; writes under target/bench
  --out     where to write the result; the chart goes next to it
  --check   write nothing, fail when something differs from the results
`;

/**
 * @param {string[]} argv
 * @param {Surroundings} surroundings
 * @returns {Promise<number>} the exit code
 */
export async function runCommand(argv, surroundings) {
  try {
    const options = parseOptions(argv);
    if (options.help) return say(surroundings, USAGE);
    if (options.charts || options.tables) return await renew(options, surroundings);
    return options.name === undefined
      ? await listSuites(surroundings)
      : await runSuite(options.name, options, surroundings);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    surroundings.stderr.write(`bench: ${message}\n`);
    if (error instanceof Interrupted) return 130;
    return error instanceof UsageError ? 2 : 1;
  }
}

/**
 * @param {Surroundings} surroundings
 * @param {string} text
 * @returns {number}
 */
function say({ stdout }, text) {
  stdout.write(text);
  return 0;
}

/**
 * @param {Surroundings} surroundings
 * @returns {Promise<number>}
 */
async function listSuites(surroundings) {
  const folder = path.join(surroundings.root, 'bench', 'suites');
  const names = await suiteNames(folder);
  const width = Math.max(0, ...names.map((name) => name.length));
  /** @type {string[]} */
  const lines = [];
  for (const name of names) {
    const { title, unit } = await loadSuite(folder, name);
    lines.push(`  ${name.padEnd(width)}  ${title} (${unit})\n`);
  }
  return say(surroundings, `The suites:\n${lines.join('')}\n${USAGE}`);
}

/**
 * @param {string} name
 * @param {Options} options
 * @param {Surroundings} surroundings
 * @returns {Promise<number>}
 */
async function runSuite(name, options, surroundings) {
  const { quick, out } = options;
  const only = options.only ?? null;
  const { root, stdout, stderr } = surroundings;
  const suite = await loadSuite(path.join(root, 'bench', 'suites'), name);
  const contestants = contestantsFor(suite, only);
  if (options.node) return runOnEach(options.node, withoutVersions(options), surroundings);
  const file = resultFile(name, { quick, only, out }, root);
  const circumstances = {
    quick,
    only,
    date: new Date().toISOString(),
    revision: await describeRevision(root),
    machine: describeMachine(),
  };
  const measurement = await watched(stderr, `bench ${name}`, (progress, interrupted) =>
    measure(suite, { root, quick, contestants, progress, interrupted }),
  );
  let code = 0;
  for (const [each, its] of withAlso(name, suite)) {
    const result = buildResult(each, its, measurement, circumstances);
    const place = each === name ? file : path.join(path.dirname(file), `${each}.json`);
    await writeResult(place, result);
    await writeFile(chartOf(place), drawChart(result));
    const unmet = unmetBars(result);
    if (unmet.length > 0) code = 1;
    stdout.write(
      `${renderReport(result)}\nwritten to ${path.relative(root, place)} and its chart next to it\n\n`,
    );
    for (const { label, bar, verdict } of unmet) stderr.write(`bench: ${verdict}: ${label}, ${bar}\n`);
  }
  return code;
}

/**
 * What to call the command with under one of the versions.
 *
 * @param {Options} options
 */
function withoutVersions({ name = '', quick, only, out }) {
  const flags = Object.entries({ only, out }).filter(([, value]) => value !== undefined);
  return [name, ...(quick ? ['--quick'] : []), ...flags.map(([flag, value]) => `--${flag}=${value}`)];
}

/**
 * @param {Suite} suite
 * @param {string | null} only
 * @returns {Suite['contestants']}
 */
function contestantsFor(suite, only) {
  if (only === null) return suite.contestants;
  const rows = rowsNamed(suite, only);
  if (rows.length === 0) {
    throw new UsageError(`there is no row '${only}'; the rows are: ${suite.rows.map(pairOf).join(', ')}`);
  }
  const ids = new Set(rows.flatMap(({ subject, reference }) => [subject, reference]));
  return suite.contestants.filter(({ id }) => ids.has(id));
}

/**
 * @param {string} name
 * @param {{ quick: boolean, only: string | null, out: string | undefined }} options
 * @param {string} root
 * @returns {string}
 */
function resultFile(name, { quick, only, out }, root) {
  const committed = path.join(root, 'bench', 'results');
  const whole = !quick && only === null;
  const folder = folderOf(whole ? committed : path.join(root, 'target', 'bench'));
  const file = out === undefined ? path.join(folder, `${name}.json`) : path.resolve(out);
  if (!whole && file.startsWith(committed + path.sep)) {
    throw new UsageError('bench/results takes only full runs of a whole suite');
  }
  return file;
}

/**
 * @param {string} file
 * @returns {string}
 */
function chartOf(file) {
  return file.replace(/\.json$/, '.svg');
}

/**
 * Runs the work with a progress line and an ear for interrupts: the first ends it at the next round, so that
 * what was started is closed; the second ends the process as ever.
 *
 * @template T
 * @param {import('./progress.mjs').ProgressStream} stream
 * @param {string} title
 * @param {(progress: (text: string) => void, interrupted: () => boolean) => Promise<T>} work
 * @returns {Promise<T>}
 */
async function watched(stream, title, work) {
  const progress = new Progress(stream, title);
  let stopped = false;
  const stop = () => {
    stopped = true;
    process.removeListener('SIGINT', stop).removeListener('SIGTERM', stop);
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  try {
    return await work(
      (text) => progress.show(text),
      () => stopped,
    );
  } finally {
    progress.clear();
    process.removeListener('SIGINT', stop).removeListener('SIGTERM', stop);
  }
}

/**
 * @param {Options} options
 * @param {Surroundings} surroundings
 * @returns {Promise<number>}
 */
async function renew({ charts, tables, check }, { root, stdout, stderr }) {
  const results = await readResults(path.join(root, 'bench', 'results'));
  const differing = [
    ...(charts ? await renewCharts(root, results, check) : []),
    ...(tables ? await renewDocuments(root, results, { check }) : []),
  ];
  if (!check) {
    stdout.write(differing.map((file) => `rewritten: ${file}\n`).join('') || 'everything was up to date\n');
    return 0;
  }
  for (const file of differing) stderr.write(`bench: ${file} differs from the results\n`);
  if (differing.length > 0) stderr.write('bench: renew with: npm run bench -- --charts --tables\n');
  return differing.length === 0 ? 0 : 1;
}

/**
 * @param {string} root
 * @param {import('./result.mjs').Kept[]} results
 * @param {boolean} check
 * @returns {Promise<string[]>} the charts that differed from the results
 */
async function renewCharts(root, results, check) {
  /** @type {string[]} */
  const differing = [];
  for (const { file, result } of results) {
    const chart = drawChart(result);
    if ((await readFile(chartOf(file), 'utf8').catch(() => '')) === chart) continue;
    differing.push(path.relative(root, chartOf(file)));
    if (!check) await writeFile(chartOf(file), chart);
  }
  return differing;
}
