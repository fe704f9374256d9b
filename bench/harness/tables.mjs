// Measured tables in documents. What stands between the markers
//
//     <!-- bench:NAME -->
//     <!-- /bench -->
//
// is written from the committed result of the suite NAME and by nobody else. Markers inside a fenced code
// block are an example, not a place. A marker stands alone on its line.

import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describeOrigin, formatFigure, formatRange, formatRowValue, formatVerdict } from './figures.mjs';

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
 * @returns {string} Markdown
 */
export function renderTable(result) {
  const { suite, unit, direction, quick, rounds, contestants, rows } = result;
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
  ];
  if (rows.length > 0) {
    const compared = rows.map((row) => [
      cell(row.label),
      cell(formatRowValue(row, unit)),
      row.quartiles === null ? '' : formatRange(row.quartiles),
      row.bar === null ? 'none' : `${row.bar}: ${formatVerdict(row, quick)}`,
    ]);
    lines.push(
      tableLine(['compared', 'ratio of medians', 'middle half of the rounds', 'bar']),
      tableLine(['---', '---:', '---:', '---']),
      ...compared.map(tableLine),
      '',
    );
  }
  lines.push(`${rounds} rounds in turns: \`npm run bench -- ${suite}\`; ${cell(describeOrigin(result))}.`);
  return lines.join('\n');
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
 * @param {Map<string, Result>} results
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
 * @param {Map<string, Result>} results
 * @returns {string}
 */
function renewText(document, text, results) {
  try {
    return rewriteTables(text, (name) => {
      const result = results.get(name);
      if (result === undefined) {
        throw new Error(`bench:${name} has no result: run 'npm run bench -- ${name}'`);
      }
      return renderTable(result);
    });
  } catch (error) {
    throw new Error(`${document}: ${/** @type {Error} */ (error).message}`, { cause: error });
  }
}
