// The progress line on standard error: rewritten in place on a terminal, a plain line now and then elsewhere.

const PLAIN_LINE_EVERY = 3000;
const CLEAR_LINE = '\r\u001b[K';

/**
 * @typedef {object} ProgressStream
 * @property {boolean} [isTTY]
 * @property {number} [columns]
 * @property {(text: string) => unknown} write
 */

export class Progress {
  /** @type {ProgressStream} */
  #stream;
  /** @type {() => number} */
  #now;
  /** @type {string} */
  #title;
  #lastLine = Number.NEGATIVE_INFINITY;

  /**
   * @param {ProgressStream} stream
   * @param {string} title stands before each text
   * @param {() => number} [now] milliseconds
   */
  constructor(stream, title, now = () => performance.now()) {
    this.#stream = stream;
    this.#title = title;
    this.#now = now;
  }

  /** @param {string} text */
  show(text) {
    const line = `${this.#title}: ${text}`;
    if (this.#stream.isTTY) {
      this.#stream.write(CLEAR_LINE + line.slice(0, (this.#stream.columns || 80) - 1));
      return;
    }
    if (this.#now() - this.#lastLine < PLAIN_LINE_EVERY) return;
    this.#lastLine = this.#now();
    this.#stream.write(`${line}\n`);
  }

  /** Takes the line away, so that what follows starts on a clean one. */
  clear() {
    if (this.#stream.isTTY) this.#stream.write(CLEAR_LINE);
  }
}
