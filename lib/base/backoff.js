/** When a worker that ended is replaced: at once the first time, ever later while the new ones end young. */

const slowestMs = 5000;
const secondMs = 100;

class Backoff {
  #delayMs = 0;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;

  /**
   * Calls that, unless it is going to call already.
   *
   * @param {() => void} call
   */
  after(call) {
    if (this.#timer) return;
    // Not unref'd: where all workers have ended at once, it is all that keeps the server.
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      call();
    }, this.#delayMs);
    this.#delayMs = Math.min(this.#delayMs * 2 || secondMs, slowestMs);
  }

  reset() {
    this.#delayMs = 0;
  }

  cancel() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

module.exports = { Backoff };
