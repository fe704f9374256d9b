/**
 * The signals that this process raises in itself: libraries that have a part in its end do their part when they hear a
 * signal, and raise it again. Nobody has lost patience then.
 *
 * Node does not say where a signal comes from, so `process.kill` is watched, as long as it is needed.
 */

const { constants } = require('node:os');

/** Those that were raised, and are not heard yet, by name. @type {Map<string, number>} */
const raised = new Map();

/** @param {string | number | undefined} signal */
const nameOf = (signal = 'SIGTERM') =>
  typeof signal === 'string'
    ? signal
    : Object.entries(constants.signals).find(([, number]) => number === signal)?.[0];

/** Begins to watch. @returns {() => void} ends that */
function watch() {
  const { kill } = process;
  /** @type {typeof process.kill} */
  const watched = (pid, signal) => {
    const name = nameOf(signal);
    const isOwn = name !== undefined && (pid === process.pid || pid === 0);
    if (isOwn) raised.set(name, (raised.get(name) ?? 0) + 1);
    return Reflect.apply(kill, process, [pid, signal]);
  };
  process.kill = watched;
  return () => {
    raised.clear();
    // Whoever has wrapped it meanwhile goes on to call it.
    if (process.kill === watched) process.kill = kill;
  };
}

/**
 * Whether the signal that is heard is one that this process has raised in itself.
 *
 * @param {string} name
 */
function isOwn(name) {
  const count = raised.get(name) ?? 0;
  if (count > 0) raised.set(name, count - 1);
  return count > 0;
}

module.exports = { isOwn, watch };
