/**
 * `flotilla top`: a table of the workers that renews itself; `q` or Ctrl-C ends it, and leaves the terminal as it was. Where
 * there is no terminal it prints the same lines, one table after the other.
 */

/** @import { Call } from './verbs.js' */
/** @import { Status } from './table.js' */

const { ask } = require('./control/client.js');
const { socketOf } = require('./steer.js');
const { ratesBetween, statusTable } = require('./table.js');

const usualMs = 1000;
const leastMs = 100;
const other = {
  enter: '\u001B[?1049h\u001B[?25l',
  leave: '\u001B[?25h\u001B[?1049l',
  home: '\u001B[H',
  rest: '\u001B[J',
  line: '\u001B[K',
};

/** @param {string[]} lines @param {{ columns?: number, rows?: number }} size */
function screen(lines, { columns = 80, rows = 24 }) {
  const shown = lines.slice(0, rows - 1).map((line) => line.slice(0, columns) + other.line);
  return other.home + shown.join('\r\n') + other.rest;
}

class Screen {
  /** @type {() => void} */
  #end = () => {};
  ended = new Promise((resolve) => {
    this.#end = () => resolve(undefined);
  });

  enter() {
    const { stdin, stdout } = process;
    stdout.write(other.enter);
    stdin.setRawMode(true);
    stdin.on('data', (keys) => {
      // In raw mode Ctrl-C is a key.
      if (['q', 'Q', '\u0003', '\u001B'].some((key) => String(keys).includes(key))) this.#end();
    });
    for (const signal of /** @type {NodeJS.Signals[]} */ (['SIGTERM', 'SIGHUP']))
      process.on(signal, () => this.#end());
  }

  leave() {
    process.stdin.setRawMode(false);
    process.stdin.pause();
    process.stdout.write(other.leave);
  }
}

/**
 * @param {() => Promise<Status>} look
 * @param {number} everyMs
 * @param {(lines: string[]) => void} show
 * @param {Promise<unknown>} ended
 */
async function repeat(look, everyMs, show, ended) {
  let going = true;
  ended.then(() => {
    going = false;
  });
  let before = await look();
  show(statusTable(before, new Map()));
  while (going) {
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    await Promise.race([ended, new Promise((resolve) => (timer = setTimeout(resolve, everyMs)))]);
    clearTimeout(timer);
    if (!going) return;
    const now = await look();
    show(statusTable(now, ratesBetween(before, now)));
    before = now;
  }
}

/** @param {Call} call */
async function top(call) {
  const socket = await socketOf(call);
  const everyMs = Math.max(call.given.interval ?? usualMs, leastMs);
  const look = () => ask(socket, 'status');
  if (!process.stdout.isTTY || !process.stdin.isTTY) {
    process.stdout.on('error', () => process.exit(0));
    await repeat(
      look,
      everyMs,
      (lines) => process.stdout.write(`${lines.join('\n')}\n\n`),
      new Promise(() => {}),
    );
    return 0;
  }
  // What is wrong is said on the usual screen.
  await look();
  const terminal = new Screen();
  terminal.enter();
  try {
    const show = (/** @type {string[]} */ lines) =>
      process.stdout.write(screen([...lines, '', 'q ends this'], process.stdout));
    await repeat(look, everyMs, show, terminal.ended);
  } finally {
    terminal.leave();
  }
  return 0;
}

module.exports = { screen, top };
