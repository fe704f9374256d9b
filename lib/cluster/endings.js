/** What the end of a worker means, where a number or the name of a signal says too little. */

const interrupted = 'it was interrupted: a Ctrl-C reaches every process of a terminal';
const told = 'somebody else has told it to end';
const killed = 'where nobody has killed it, the system had no memory left for it';
const aborted = 'its heap may have been full: see --max-old-space-size';

const meanings = new Map(
  /** @type {[string | number, string][]} */ ([
    ['SIGINT', interrupted],
    ['SIGTERM', told],
    ['SIGKILL', killed],
    ['SIGABRT', aborted],
    // What a shell, and a program that starts another, make of the same.
    [130, interrupted],
    [134, aborted],
    [137, killed],
    [143, told],
  ]),
);

/**
 * @param {string | number} how the code that it ended with, or the signal
 * @param {boolean} wasReady
 */
function meaningOf(how, wasReady) {
  if (how === 0 && !wasReady)
    return ': it had nothing left to do before it was ready, or called process.exit()';
  const meaning = meanings.get(how);
  return meaning ? `: ${meaning}` : '';
}

module.exports = { meaningOf };
