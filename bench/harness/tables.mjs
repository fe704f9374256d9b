// Measured tables in documents. What stands between the markers
//
//     <!-- bench:NAME -->
//     <!-- /bench -->
//
// is written from the committed results of the suite NAME and by nobody else. Markers inside a fenced code
// block are an example, not a place. A marker stands alone on its line.

import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { majorOf, reference } from '../../scripts/node-programs.mjs';
import {
  describeOrigin,
  describeVersion,
  formatFigure,
  formatRange,
  formatRowValue,
  formatVerdict,
} from './figures.mjs';

/** @typedef {import('./result.mjs').Result} Result */

const OPENING = /^<!-- bench:([a-z0-9-]+) -->$/;
const CLOSING = '<!-- /bench -->';
const FENCE = /^ {0,3}(`{3,}|~{3,})/;

/**
 * @param {string} text
 * @returns {string}
 */
function cell(text) {
  return text.replace(/[\\|]/g, '\\$&').replace(/</g, '&lt;').replace(/\s+/g, ' ');
}

/**
 * @param {string[]} cells
 * @returns {string}
 */
function tableLine(cells) {
  return `| ${cells.join(' | ')} |`;
}

/**
 * @param {Result} result
 * @param {Result[]} [others] of other versions of Node.js: their ratios stand beside
 * @returns {string} Markdown
 */
export function renderTable(result, others = []) {
  const { suite, unit, direction, rounds, contestants, rows } = result;
  const figures = contestants.map(({ label, leftOut, median, quartiles }) =>
    median === undefined || quartiles === undefined
      ? [cell(label), 'left out', cell(leftOut ?? '')]
      : [cell(label), formatFigure(median), formatRange(quartiles)],
  );
  const lines = [
    tableLine([`${cell(unit)}, ${direction}`, 'median', 'middle half of the rounds']),
    tableLine(['---', '---:', '---:']),
    ...figures.map(tableLine),
    '',
    ...(rows.length > 0 ? comparedLines(result, others) : []),
    `${rounds} rounds in turns: \`npm run bench -- ${suite}\`; ${cell(describeOrigin(result))}.`,
    ...others.map((other) => `Beside it: ${describeVersion(other)}.`),
  ];
  return lines.join('\n');
}

/**
 * @param {Result} result
 * @param {Result[]} others
 */
function comparedLines(result, others) {
  const { unit, quick, rows } = result;
  const compared = rows.map((row) => [
    cell(row.label),
    cell(formatRowValue(row, unit)),
    row.quartiles === null ? '' : formatRange(row.quartiles),
    row.bar === null ? 'none' : `${row.bar}: ${formatVerdict(row, quick)}`,
    ...others.map((other) => cell(beside(row, other))),
  ]);
  const versions = others.map(({ machine }) => `Node ${majorOf(machine.node)}`);
  return [
    tableLine(['compared', 'ratio of medians', 'middle half of the rounds', 'bar', ...versions]),
    tableLine(['---', '---:', '---:', '---', ...versions.map(() => '---:')]),
    ...compared.map(tableLine),
    '',
  ];
}

/**
 * The same row on another version, and whether it misses its bar there.
 *
 * @param {import('./result.mjs').RowResult} row
 * @param {Result} other
 */
function beside({ pair }, { rows, unit }) {
  const row = rows.find((candidate) => candidate.pair === pair);
  if (row === undefined) return 'not measured';
  return `${formatRowValue(row, unit)}${row.verdict === 'missed' ? ', missed' : ''}`;
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
 * @param {string} root
 * @returns {Promise<string[]>} the documents that may hold measured tables, relative to the root
 */
export async function documentsUnder(root) {
  const entries = await readdir(path.join(root, 'docs'), { recursive: true }).catch(() => []);
  const documents = entries.filter((entry) => entry.endsWith('.md')).sort();
  return ['README.md', ...documents.map((entry) => path.join('docs', entry))];
}

/**
 * @param {string} root
 * @param {import('./result.mjs').Kept[]} results
 * @param {{ check: boolean }} options with `check` nothing is written
 * @returns {Promise<string[]>} the documents that differed from the results
 */
export async function renewDocuments(root, results, { check }) {
  /** @type {string[]} */
  const differing = [];
  for (const document of await documentsUnder(root)) {
    const file = path.join(root, document);
    const text = await readFile(file, 'utf8').catch((/** @type {NodeJS.ErrnoException} */ error) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (text === undefined) continue;
    const renewed = renewText(document, text, results);
    if (renewed === text) continue;
    differing.push(document);
    if (!check) await writeFile(file, renewed);
  }
  return differing;
}

/**
 * @param {string} document
 * @param {string} text
 * @param {import('./result.mjs').Kept[]} results
 * @returns {string}
 */
function renewText(document, text, results) {
  try {
    return rewriteTables(text, (name) => {
      const measured = results.filter(({ result }) => result.suite === name);
      const [shown] = measured.filter(({ isReference }) => isReference);
      if (shown === undefined) {
        throw new Error(`bench:${name} has no result: run 'npm run bench -- ${name} --node ${reference}'`);
      }
      const others = measured.filter((kept) => kept !== shown).map(({ result }) => result);
      return renderTable(shown.result, others);
    });
  } catch (error) {
    throw new Error(`${document}: ${/** @type {Error} */ (error).message}`, { cause: error });
  }
}
