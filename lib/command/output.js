/**
 * What the workers write, on the standard output and the standard error of this process: each line behind the number of its
 * worker where a person reads, and untouched elsewhere, so that JSON lines stay JSON lines. Nothing is kept: there are no
 * files and no rotation. Whoever follows the logs over the control socket gets the same lines.
 */

/** @import { Colour } from './voice.js' */
/** @import { Asker } from './control/server.js' */

const { hasColours, painted } = require('./voice.js');

/** @type {Colour[]} */
const colours = ['cyan', 'green', 'yellow', 'magenta', 'blue'];

/** @typedef {{ worker: number, pid: number, stream: 'stdout' | 'stderr', line: string }} Line */

/**
 * A line of a worker, for people.
 *
 * @param {Line} line
 * @param {NodeJS.WriteStream} stream
 */
function prefixed({ worker, stream: from, line }, stream) {
  const mark = from === 'stderr' ? '!' : '|';
  const prefix = `${String(worker).padStart(2)} ${mark}`;
  return `${hasColours(stream) ? painted(prefix, colours[worker % colours.length], stream) : prefix} ${line}\n`;
}

class Output {
  /** @type {Set<{ worker: string | undefined, asker: Asker }>} */
  #followers = new Set();

  /** @param {'auto' | 'always' | 'never'} when lines get a prefix */
  constructor(when) {
    this.when = when;
  }

  /** @param {Line} line */
  take(line) {
    const stream = line.stream === 'stderr' ? process.stderr : process.stdout;
    const wants = this.when === 'always' || (this.when === 'auto' && stream.isTTY === true);
    stream.write(wants ? prefixed(line, stream) : `${line.line}\n`);
    for (const { worker, asker } of this.#followers) {
      if (worker === undefined || worker === String(line.worker)) asker.tell({ event: 'line', ...line });
    }
  }

  /**
   * Lets somebody follow until they go.
   *
   * @param {string | undefined} worker the number of one worker alone
   * @param {Asker} asker
   */
  async follow(worker, asker) {
    const follower = { worker, asker };
    this.#followers.add(follower);
    await asker.gone;
    this.#followers.delete(follower);
  }
}

module.exports = { Output, prefixed };
