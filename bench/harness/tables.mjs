// The tables of a result: in Markdown, and set in columns for a terminal. What stands in a document between the markers
//
//     <!-- bench:NAME -->
//     <!-- /bench -->
//
// is written from the committed results of the suite NAME and by nobody else. Several names, with a space between them, are suites of
// the same contestants in one table. Markers inside a fenced code block are an example, not a place. A marker stands alone on its
// line.

import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { majorOf, reference } from '../../scripts/node-programs.mjs';
import { describeOrigin, describeVersion, formatFigure, formatRange, formatRowValue } from './figures.mjs';

/** @typedef {import('./types.d.ts').Kept} Kept */
/** @typedef {import('./types.d.ts').Result} Result */
/** @typedef {import('./types.d.ts').RowResult} RowResult */

const OPENING = /^<!-- bench:([a-z0-9-]+(?: [a-z0-9-]+)*) -->$/;
const CLOSING = '<!-- /bench -->';
const FENCE = /^ {0,3}(`{3,}|~{3,})/;

/** @param {Result} result */
const figureCells = ({ unit, direction, contestants }) => [
  [`${unit}, ${direction}`, 'median', 'middle half of the rounds'],
  ...contestants.map(({ label, leftOut = '', median, quartiles = null }) =>
    median === undefined
      ? [label, 'left out', leftOut]
      : [label, formatFigure(median), formatRange(quartiles)],
  ),
];

/**
 * @param {Result} result
 * @param {Result[]} others
 */
const rowCells = ({ unit, quick, rows, parts, contestants }, others) => [
  [
    'compared',
    parts || contestants.some(({ kind }) => kind === 'sliced') ? 'median of ratios' : 'ratio of medians',
    'middle half of the rounds',
    'bar',
    ...others.map(({ machine }) => `Node ${majorOf(machine.node)}`),
  ],
  ...rows.map((row) => [
    row.label,
    formatRowValue(row, unit),
    formatRange(row.quartiles),
    row.bar === null ? 'none' : `${row.bar}: ${verdictOf(row, quick)}`,
    ...others.map((other) => beside(row, other)),
  ]),
];

/**
 * @param {RowResult} row
 * @param {boolean} quick
 */
function verdictOf({ verdict, value }, quick) {
  if (verdict !== 'not judged') return verdict;
  return quick && value !== null ? 'not judged (quick run)' : 'not judged (not measured)';
}

/**
 * The same row on another version, and whether it misses its bar there.
 *
 * @param {RowResult} row
 * @param {Result} other
 */
function beside({ pair }, { rows, unit }) {
  const row = rows.find((candidate) => candidate.pair === pair);
  if (row === undefined) return 'not measured';
  return `${formatRowValue(row, unit)}${row.verdict === 'missed' ? ', missed' : ''}`;
}

/**
 * @param {string[][]} lines the head first
 * @param {string[]} rules how the columns are set
 */
function markdown([head = [], ...body], rules) {
  /** @param {string[]} cells */
  const line = (cells) => `| ${cells.join(' | ')} |`;
  const cell = (/** @type {string} */ text) =>
    text.replace(/[\\|]/g, '\\$&').replace(/</g, '&lt;').replace(/\s+/g, ' ');
  return [line(head.map(cell)), line(rules), ...body.map((cells) => line(cells.map(cell)))];
}

/**
 * @param {Result} result
 * @param {Result[]} [others] of other versions of Node.js: their ratios stand beside
 * @returns {string} Markdown
 */
export function renderTable(result, others = []) {
  const { suite, rounds, rows } = result;
  const rules = ['---', '---:', '---:', '---', ...others.map(() => '---:')];
  return [
    ...markdown(figureCells(result), rules.slice(0, 3)),
    '',
    ...(rows.length > 0 ? [...markdown(rowCells(result, others), rules), ''] : []),
    `${rounds} rounds in turns: \`npm run bench -- ${suite}\`; ${describeOrigin(result)}.`,
    ...others.map((other) => `Beside it: ${describeVersion(other)}.`),
  ].join('\n');
}

/**
 * The medians of several suites, a column each, with the same contestants in rows.
 *
 * @param {Result[]} results
 * @returns {string} Markdown
 */
export function renderSideBySide(results) {
  const labels = new Map(
    results.flatMap(({ contestants }) => contestants).map(({ id, label }) => [id, label]),
  );
  const cellOf = (/** @type {Result} */ { contestants }, /** @type {string} */ id) => {
    const median = contestants.find((each) => each.id === id)?.median;
    return median === undefined ? '' : formatFigure(median);
  };
  const head = ['median', ...results.map(({ title, unit }) => `${title.replace(/^.*: /, '')}, ${unit}`)];
  const body = [...labels].map(([id, label]) => [label, ...results.map((result) => cellOf(result, id))]);
  const names = results.map(({ suite }) => `\`npm run bench -- ${suite}\``);
  const table = markdown([head, ...body], ['---', ...results.map(() => '---:')]);
  return [...table, '', `${[...new Set(names)].join(', ')}; ${describeOrigin(results[0])}.`].join('\n');
}

/**
 * @param {Result} result
 * @returns {string} the same for a terminal
 */
export function renderReport(result) {
  const { suite, title, measures, rounds, quick, rows } = result;
  const tables = [figureCells(result), ...(rows.length > 0 ? [rowCells(result, [])] : [])].map((lines) => {
    const widths = (lines[0] ?? []).map((_, column) =>
      Math.max(...lines.map((cells) => cells[column].length)),
    );
    const set = lines.map((cells) =>
      cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('   '),
    );
    return set.map((line) => `  ${line}`.trimEnd()).join('\n');
  });
  const head = `${suite}: ${title}\n${measures}\n${describeOrigin(result)}`;
  const how = `${rounds} rounds, the contestants in turns${quick ? '; a quick run, which judges no bar' : ''}`;
  return `${head}\n${how}\n\n${tables.join('\n\n')}\n`;
}

/**
 * @param {readonly string[]} lines of a document
 * @returns {boolean[]} which of them stand in a fenced code block, or open one
 */
function fencedLines(lines) {
  /** @type {string | undefined} */
  let fence;
  return lines.map((line) => {
    const mark = FENCE.exec(line)?.[1];
    if (fence === undefined) {
      fence = mark;
      return mark !== undefined;
    }
    if (mark?.startsWith(fence) && line.trim() === mark) fence = undefined;
    return true;
  });
}

/**
 * @param {string} text a document
 * @param {(name: string) => string} tableOf gives the table of a suite, or throws
 * @returns {string} the same with its measured tables renewed
 */
export function rewriteTables(text, tableOf) {
  const lines = text.split('\n');
  const fenced = fencedLines(lines);
  /** @type {string[]} */
  const kept = [];
  /** @type {string | undefined} */
  let open;
  for (const [index, line] of lines.entries()) {
    const name = fenced[index] ? undefined : OPENING.exec(line)?.[1];
    const closes = !fenced[index] && line === CLOSING;
    if (open === undefined) {
      if (closes) throw new Error(`there is a ${CLOSING} that closes nothing`);
      kept.push(line);
      open = name;
    } else if (closes) {
      kept.push('', tableOf(open), '', line);
      open = undefined;
    } else if (name !== undefined) break;
  }
  if (open !== undefined) throw new Error(`the table bench:${open} has no ${CLOSING}`);
  return kept.join('\n');
}

/**
 * Renews the tables of the README and of all documents under `docs`.
 *
 * @param {string} root
 * @param {Kept[]} results
 * @param {boolean} check whether to write nothing
 * @returns {Promise<string[]>} the documents that differed from the results
 */
export async function renewDocuments(root, results, check) {
  const entries = await readdir(path.join(root, 'docs'), { recursive: true }).catch(() => []);
  const documents = entries.filter((entry) => entry.endsWith('.md')).sort();
  /** @type {string[]} */
  const differing = [];
  for (const document of ['README.md', ...documents.map((entry) => path.join('docs', entry))]) {
    const file = path.join(root, document);
    const text = await readFile(file, 'utf8').catch(() => '');
    const renewed = rewriteTables(text, (name) => tableOf(name, results, document));
    if (renewed === text) continue;
    differing.push(document);
    if (!check) await writeFile(file, renewed);
  }
  return differing;
}

/**
 * @param {string} names of a suite, or of several
 * @param {Kept[]} results
 * @param {string} document that asks for it
 */
function tableOf(names, results, document) {
  const suites = names.split(' ').map((name) => keptOf(name, results, document));
  if (suites.length > 1) return renderSideBySide(suites.map(({ shown }) => shown.result));
  const [{ shown, others }] = suites;
  return renderTable(shown.result, others);
}

/**
 * @param {string} name
 * @param {Kept[]} results
 * @param {string} document
 */
function keptOf(name, results, document) {
  const measured = results.filter(({ result }) => result.suite === name);
  const shown = measured.find(({ isReference }) => isReference);
  if (shown === undefined) {
    throw new Error(
      `${document}: bench:${name} has no result: run 'npm run bench -- ${name} --node ${reference}'`,
    );
  }
  return { shown, others: measured.filter((kept) => kept !== shown).map(({ result }) => result) };
}
