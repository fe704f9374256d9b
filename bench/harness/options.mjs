// What the command line may say. Anything else is refused before something is measured.

import { parseArgs } from 'node:util';
import { UsageError } from './suite.mjs';

/**
 * @typedef {object} Options
 * @property {string | undefined} name of the suite to run
 * @property {boolean} quick
 * @property {string | undefined} only the rows to measure, by a part of their names
 * @property {string[] | undefined} node the versions of Node.js to run it on
 * @property {string | undefined} out the file that gets the result
 * @property {boolean} charts redraw all charts
 * @property {boolean} tables rewrite the measured tables
 * @property {boolean} check with charts or tables: write nothing, fail on a difference
 * @property {boolean} help
 */

/** Which flags go with what is to be done; `--help` goes with all. */
const ALLOWED = /** @type {const} */ ({
  run: ['quick', 'only', 'node', 'out'],
  charts: ['charts', 'tables', 'check'],
  list: [],
});

/**
 * @param {string[]} argv
 * @returns {Options}
 */
export function parseOptions(argv) {
  const { values, positionals } = parseStrictly(argv);
  const { quick = false, only, out, charts = false, tables = false, check = false, help = false } = values;
  const node = values.node === undefined ? undefined : [...new Set(values.node.split(','))];
  if (positionals.length > 1) {
    throw new UsageError(`one suite at a time: ${positionals.join(', ')}`);
  }
  const name = positionals[0];
  const action = charts || tables ? 'charts' : name === undefined ? 'list' : 'run';
  if (action === 'charts' && name !== undefined) {
    throw new UsageError(`--charts and --tables take all results: leave out '${name}'`);
  }
  for (const flag of Object.keys(values)) {
    const allowed = /** @type {readonly string[]} */ (ALLOWED[action]);
    if (flag !== 'help' && !allowed.includes(flag)) throw new UsageError(misplaced(flag, action));
  }
  checkOut(out, node);
  return { name, quick, only, node, out, charts, tables, check, help };
}

/**
 * @param {string | undefined} out
 * @param {string[]} [versions]
 */
function checkOut(out, versions = []) {
  if (out === undefined) return;
  if (!out.endsWith('.json')) throw new UsageError(`--out takes a file that ends in .json, not '${out}'`);
  if (versions.length > 1) throw new UsageError('--out takes the result of one version of Node.js');
}

/**
 * @param {string} flag
 * @param {keyof typeof ALLOWED} action
 * @returns {string}
 */
function misplaced(flag, action) {
  if (flag === 'check') return '--check goes with --charts or --tables';
  return action === 'list'
    ? `--${flag} needs the name of a suite`
    : `--${flag} goes with a suite, not with ${action}`;
}

/**
 * @param {string[]} argv
 */
function parseStrictly(argv) {
  try {
    return parseArgs({
      args: argv,
      allowPositionals: true,
      options: {
        quick: { type: 'boolean' },
        only: { type: 'string' },
        node: { type: 'string' },
        out: { type: 'string' },
        charts: { type: 'boolean' },
        tables: { type: 'boolean' },
        check: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new UsageError(/** @type {Error} */ (error).message);
  }
}
