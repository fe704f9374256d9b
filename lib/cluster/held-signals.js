/**
 * Keeps signals that are meant for the whole from a worker's program, until it is told to end.
 *
 * A terminal and a supervisor send them to every process at once. A program that heard of them would end at once, with
 * requests under way in it and others on their way to it. When its connections have gone, it hears the signal that it waits
 * for, and ends as it always does.
 */

const held = new Set(['SIGTERM', 'SIGINT', 'SIGHUP']);
/** What ends a process that has no listener for it, and means something to the primary alone. */
const harmless = process.platform === 'win32' ? [] : ['SIGUSR2'];
const ignore = () => {};

/**
 * @param {(signal: string) => void} onSignal
 * @returns {() => string | undefined} lets signals through again, and says for which of them the program listens
 */
function holdSignals(onSignal) {
  const { emit } = process;
  let isHeld = true;
  // Node calls what is here when the first listener is added.
  process.emit = /** @type {any} */ (
    /** @this {unknown} @param {string} event @param {any[]} args */
    function holding(event, ...args) {
      if (!isHeld || !held.has(event)) return Reflect.apply(emit, process, [event, ...args]);
      onSignal(event);
      return true;
    }
  );
  for (const signal of [...held, ...harmless]) process.on(signal, ignore);
  return () => {
    isHeld = false;
    return [...held].find((signal) =>
      process.listeners(/** @type {any} */ (signal)).some((each) => each !== ignore),
    );
  };
}

module.exports = { holdSignals };
