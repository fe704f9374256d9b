// The command: runs all suites or one, lists them, redraws the charts, rewrites the tables.
//
// Only a full run of a whole suite writes under bench/results, which is committed. A quick run and a run of
// some rows write under target/bench, so that they can never pass for the figures in the documents.
//
// Exit codes: 0; 1 for a bar not met, a stale document or chart, a failed measurement; 2 for a call that
// was not understood; 130 after an interrupt.

import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { measuredOn } from '../../scripts/node-programs.mjs';
import { runAll } from './all.mjs';
import { drawChart } from './chart.mjs';
import { Interrupted, measure } from './measure.mjs';
import { buildResult, circumstances, readResults, unmetBars, writeResult } from './result.mjs';
import { loadSuite, pairOf, rowsNamed, suiteNames, UsageError, withAlso } from './suite.mjs';
import { renderReport, renewDocuments } from './tables.mjs';
import { folderOf, runOnEach } from './versions.mjs';

/** @typedef {import('./types.d.ts').Suite} Suite */
/** @typedef {import('./types.d.ts').Surroundings} Surroundings */
/** @typedef {ReturnType<typeof parseOptions>} Options */

const USAGE = `npm run bench [-- --node <versions>] [--quick]
                                       run all suites, on Node.js ${measuredOn}; renew the charts and tables
npm run bench -- <name> [--node <versions>] [--quick] [--only <rows>] [--out <file.json>]
npm run bench -- --list                list the suites
npm run bench -- --charts [--check]    redraw the charts from the results
npm run bench -- --tables [--check]    rewrite the measured tables of the documents

  --quick   a smoke run of seconds: judges no bar, writes under target/bench
  --node    run it on these versions of Node.js, one after the other: 24, or 22,24,26
  --only    the rows whose name, subject:reference, holds this; writes under target/bench
  --out     where to write the result; the chart goes next to it
  --check   write nothing, fail when something differs from the results
`;

/** Which flags go with a suite, and which go without one. */
const ALLOWED = {
  suite: ['quick', 'only', 'node', 'out', 'help'],
  all: ['quick', 'node', 'help'],
  none: ['charts', 'tables', 'check', 'list', 'help'],
};
const PLAIN_LINE_EVERY = 3000;
const CLEAR_LINE = '\r\u001b[K';

/**
 * @param {string[]} argv
 * @param {Surroundings} surroundings
 * @returns {Promise<number>} the exit code
 */
export async function runCommand(argv, surroundings) {
  try {
    const options = parseOptions(argv);
    if (options.help) surroundings.stdout.write(USAGE);
    if (options.help) return 0;
    if (options.charts || options.tables) return await renew(options, surroundings);
    if (options.list) surroundings.stdout.write(await suiteList(surroundings.root));
    if (options.list) return 0;
    if (options.name !== undefined) return await runSuite(options.name, options, surroundings);
    return await runWhole(options, surroundings);
  } catch (error) {
    surroundings.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    if (error instanceof Interrupted) return 130;
    return error instanceof UsageError ? 2 : 1;
  }
}

/**
 * What is not understood is refused before something is measured.
 *
 * @param {string[]} argv
 */
function parseOptions(argv) {
  const flag = /** @type {const} */ ({ type: 'boolean' });
  const text = /** @type {const} */ ({ type: 'string' });
  const known = {
    charts: flag,
    tables: flag,
    check: flag,
    list: flag,
    help: flag,
    quick: flag,
    only: text,
    node: text,
    out: text,
  };
  const { values, positionals } = parsedStrictly({ args: argv, allowPositionals: true, options: known });
  const [name, ...more] = positionals;
  if (more.length > 0) throw new UsageError(`one suite at a time: ${positionals.join(', ')}`);
  const runsNone = ALLOWED.none.some((flag) => flag in values);
  const allowed = name !== undefined ? ALLOWED.suite : runsNone ? ALLOWED.none : ALLOWED.all;
  const misplaced = Object.keys(values).find((each) => !allowed.includes(each));
  if (misplaced !== undefined) {
    throw new UsageError(`--${misplaced} goes with${name === undefined ? '' : 'out'} the name of a suite`);
  }
  if (values.check && !values.charts && !values.tables) {
    throw new UsageError('--check goes with --charts or --tables');
  }
  const { out, quick = false, only = null } = values;
  const node = values.node === undefined ? undefined : [...new Set(values.node.split(','))];
  if (out?.endsWith('.json') === false)
    throw new UsageError(`--out takes a file that ends in .json, not '${out}'`);
  if (out && node && node.length > 1)
    throw new UsageError('--out takes the result of one version of Node.js');
  return { ...values, name, quick, only, node };
}

/**
 * @template {import('node:util').ParseArgsConfig} T
 * @param {T} config
 */
function parsedStrictly(config) {
  try {
    return parseArgs(config);
  } catch (error) {
    throw new UsageError(/** @type {Error} */ (error).message);
  }
}

/**
 * All suites, and then what is drawn from their results.
 *
 * @param {Options} options
 * @param {Surroundings} surroundings
 * @returns {Promise<number>}
 */
async function runWhole({ quick, node, ...others }, surroundings) {
  const versions = node ?? measuredOn.split(',');
  const code = await runAll(surroundings, (name) =>
    runSuite(name, { ...others, quick, node: versions }, surroundings),
  );
  if (code === 130 || quick) return code;
  return Math.max(
    code,
    await renew({ ...others, charts: true, tables: true, check: false, quick, node }, surroundings),
  );
}

/** @param {string} root */
async function suiteList(root) {
  const folder = path.join(root, 'bench', 'suites');
  const names = await suiteNames(folder);
  const width = Math.max(0, ...names.map((name) => name.length));
  let list = '';
  for (const name of names) {
    const { title, unit } = await loadSuite(folder, name);
    list += `  ${name.padEnd(width)}  ${title} (${unit})\n`;
  }
  return `The suites:\n${list}\n${USAGE}`;
}

/**
 * @param {string} name
 * @param {Options} options
 * @param {Surroundings} surroundings
 * @returns {Promise<number>}
 */
async function runSuite(name, options, surroundings) {
  const { quick, only, out, node } = options;
  const { root, stdout, stderr } = surroundings;
  const suite = await loadSuite(path.join(root, 'bench', 'suites'), name);
  const contestants = contestantsFor(suite, only);
  const file = resultFile(name, options, root);
  if (node) {
    const flags = Object.entries({ only, out }).flatMap(([flag, value]) =>
      value ? `--${flag}=${value}` : [],
    );
    return runOnEach(node, [name, ...(quick ? ['--quick'] : []), ...flags], surroundings);
  }
  const origin = circumstances(root);
  const measured = await watched(stderr, `bench ${name}`, (progress, interrupted) =>
    measure(suite, { root, quick, contestants, progress, interrupted }),
  );
  let code = 0;
  for (const [each, its] of withAlso(name, suite)) {
    const result = buildResult(each, its, measured, { quick, only, ...origin });
    const place = each === name ? file : path.join(path.dirname(file), `${each}.json`);
    await writeResult(place, result);
    await writeFile(chartOf(place), drawChart(result));
    const written = `written to ${path.relative(root, place)} and its chart next to it`;
    stdout.write(`${renderReport(result)}\n${written}\n\n`);
    for (const { label, bar, verdict } of unmetBars(result)) {
      stderr.write(`bench: ${verdict}: ${label}, ${bar}\n`);
      code = 1;
    }
  }
  return code;
}

/**
 * @param {Suite} suite
 * @param {string | null} only
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
 * @param {Options} options
 * @param {string} root
 */
function resultFile(name, { quick, only, out }, root) {
  const committed = path.join(root, 'bench', 'results');
  const whole = !quick && only === null;
  const folder = folderOf(whole ? committed : path.join(root, 'target', 'bench'));
  const file = path.resolve(out ?? path.join(folder, `${name}.json`));
  if (!whole && file.startsWith(committed + path.sep)) {
    throw new UsageError('bench/results takes only full runs of a whole suite');
  }
  return file;
}

/** @param {string} file */
const chartOf = (file) => file.replace(/\.json$/, '.svg');

/**
 * Runs the work with a progress line and an ear for interrupts: the first ends it at the next round, so that
 * what was started is closed; the second ends the process as ever. The line is rewritten in place on a terminal, and a
 * plain one now and then elsewhere.
 *
 * @template T
 * @param {Surroundings['stderr']} stream
 * @param {string} title
 * @param {(progress: (text: string) => void, interrupted: () => boolean) => Promise<T>} work
 * @returns {Promise<T>}
 */
async function watched(stream, title, work) {
  let stopped = false;
  let lastLine = Number.NEGATIVE_INFINITY;
  const stop = () => {
    stopped = true;
    process.removeListener('SIGINT', stop).removeListener('SIGTERM', stop);
  };
  /** @param {string} text */
  const progress = (text) => {
    const line = `${title}: ${text}`;
    if (stream.isTTY) stream.write(CLEAR_LINE + line.slice(0, (stream.columns || 80) - 1));
    else if (performance.now() - lastLine >= PLAIN_LINE_EVERY) {
      lastLine = performance.now();
      stream.write(`${line}\n`);
    }
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  try {
    return await work(progress, () => stopped);
  } finally {
    if (stream.isTTY) stream.write(CLEAR_LINE);
    process.removeListener('SIGINT', stop).removeListener('SIGTERM', stop);
  }
}

/**
 * @param {Options} options
 * @param {Surroundings} surroundings
 * @returns {Promise<number>}
 */
async function renew({ charts, tables, check = false }, { root, stdout, stderr }) {
  const results = await readResults(path.join(root, 'bench', 'results'));
  const differing = [
    ...(charts ? await renewCharts(root, results, check) : []),
    ...(tables ? await renewDocuments(root, results, check) : []),
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
 * @param {import('./types.d.ts').Kept[]} results
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
