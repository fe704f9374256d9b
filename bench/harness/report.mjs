// The report of a run on the terminal.

import { describeOrigin, formatFigure, formatRange, formatRowValue, formatVerdict } from './figures.mjs';

/** @typedef {import('./result.mjs').Result} Result */

/**
 * Columns of text: the first set to the left, the last left ragged, those between to the right.
 *
 * @param {string[][]} lines
 * @returns {string}
 */
function columns(lines) {
  const count = Math.max(...lines.map((line) => line.length));
  const widths = Array.from({ length: count }, (_, column) =>
    Math.max(...lines.filter((line) => line.length === count).map((line) => line[column]?.length ?? 0)),
  );
  widths[0] = Math.max(...lines.map((line) => line[0]?.length ?? 0));
  const set = lines.map((line) => {
    const cells = line.map((cell, column) => {
      if (column === 0) return cell.padEnd(widths[0] ?? 0);
      return column === line.length - 1 ? cell : cell.padStart(widths[column] ?? 0);
    });
    return `  ${cells.join('   ')}`.trimEnd();
  });
  return set.join('\n');
}

/**
 * @param {Result} result
 * @returns {string}
 */
export function renderReport(result) {
  const { suite, title, measures, unit, direction, quick, rounds, contestants, rows } = result;
  const figures = contestants.map(({ label, leftOut, median, quartiles }) =>
    median === undefined || quartiles === undefined
      ? [label, `left out: ${leftOut}`]
      : [label, formatFigure(median), formatRange(quartiles)],
  );
  const compared = rows.map((row) => [
    row.label,
    formatRowValue(row, unit),
    row.quartiles === null ? '' : formatRange(row.quartiles),
    row.bar ?? '',
    formatVerdict(row, quick),
  ]);
  const parts = [
    `${suite}: ${title}`,
    measures,
    describeOrigin(result),
    `${rounds} rounds, the contestants in turns${quick ? '; a quick run, which judges no bar' : ''}`,
    '',
    columns([[`${unit}, ${direction}`, 'median', 'middle half'], ...figures]),
  ];
  if (compared.length > 0) {
    parts.push('', columns([['compared', 'ratio', 'middle half', 'bar', ''], ...compared]));
  }
  return `${parts.join('\n')}\n`;
}
