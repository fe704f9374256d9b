/** `--watch`: tells of changes in the files of the app, a moment after the last of them. */

const { watch } = require('node:fs');
const path = require('node:path');

/** An editor writes a file in several steps, and a checkout many files. */
const settleMs = 150;

/** What is installed, hidden, or written by programs. @param {string} file relative */
const isIgnored = (file) =>
  file.split(path.sep).some((part) => part === 'node_modules' || part.startsWith('.')) ||
  /(\.log|~|\.sock)$/.test(file);

/**
 * @param {string[]} places files and folders
 * @param {(file: string) => void} changed
 * @param {(error: Error) => void} failed
 * @returns {() => void} ends it
 */
function watchFiles(places, changed, failed) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const watchers = places.map((place) => {
    const watcher = watch(place, { recursive: true, persistent: false }, (_, file) => {
      const name = String(file ?? path.basename(place));
      if (isIgnored(name)) return;
      clearTimeout(timer);
      timer = setTimeout(() => changed(name), settleMs);
    });
    watcher.on('error', failed);
    return watcher;
  });
  return () => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  };
}

module.exports = { watchFiles };
