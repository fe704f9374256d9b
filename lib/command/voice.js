/**
 * How the command speaks to people: sentences on stderr, colours on a terminal alone, and an exit code for each kind of end.
 *
 * `NO_COLOR` takes the colours away, `FORCE_COLOR` gives them where there is no terminal.
 */

/** 0 is done; 1 failed; 2 the call was not understood; 3 nothing runs by that name. */
const exitCodes = /** @type {const} */ ({ done: 0, failed: 1, misused: 2, absent: 3 });

const misuse = new Set([
  'FLOTILLA_ERR_USAGE',
  'FLOTILLA_ERR_UNKNOWN_OPTION',
  'FLOTILLA_ERR_INVALID_ARGUMENT',
  'FLOTILLA_ERR_OUT_OF_RANGE',
  'FLOTILLA_ERR_CONFLICTING_OPTIONS',
]);

/** @param {any} error */
function exitCodeOf(error) {
  if (error?.code === 'FLOTILLA_ERR_CONTROL_ABSENT') return exitCodes.absent;
  return misuse.has(error?.code) ? exitCodes.misused : exitCodes.failed;
}

/** @param {NodeJS.WriteStream} stream */
function hasColours(stream, env = process.env) {
  if (env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '') return env.FORCE_COLOR !== '0';
  if (env.NO_COLOR) return false;
  return stream.isTTY === true && env.TERM !== 'dumb';
}

const codes = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36 };
/** @typedef {keyof typeof codes} Colour */

/**
 * @param {string} text
 * @param {Colour} colour
 * @param {NodeJS.WriteStream} [stream] where it is going to stand
 */
const painted = (text, colour, stream = process.stdout) =>
  hasColours(stream) ? `\u001B[${codes[colour]}m${text}\u001B[0m` : text;

/** @param {any} error one of ours is a sentence; any other shows where it comes from */
function sentenceOf(error) {
  if (typeof error?.code === 'string' && error.code.startsWith('FLOTILLA_ERR_')) {
    return `${error.message} (${error.code})`;
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** @param {unknown} error */
function complain(error) {
  process.stderr.write(`${painted('flotilla:', 'red', process.stderr)} ${sentenceOf(error)}\n`);
}

/** @param {string} sentence */
function say(sentence) {
  process.stderr.write(`${painted('flotilla:', 'cyan', process.stderr)} ${sentence}\n`);
}

module.exports = { complain, exitCodeOf, hasColours, painted, say, sentenceOf };
