/**
 * What `DEBUG` asks to be told, as lines on stderr. The variable is read once, as each name is made.
 *
 * Patterns are those of the package `debug`: names separated by commas or spaces, `*` for anything, `-` before what is
 * left out. Where a name is not asked for there is no function for it, so that a call with `?.` does not even make its
 * arguments. Keys are told, values never. Nothing here throws, and a stderr that is closed harms nobody.
 */

const { Console } = require('node:console');

const LONGEST = 100;

/** @param {string} pattern @param {string} name */
function matches(pattern, name) {
  const parts = pattern.split(/\*+/).map((part) => part.replace(/[\\^$.+?()[\]{}|]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join('.*')}$`).test(name);
}

/** @param {string} name @param {string} [wanted] */
function isWanted(name, wanted = process.env.DEBUG ?? '') {
  const patterns = wanted.split(/[\s,]+/).filter(Boolean);
  const left = patterns.filter((pattern) => pattern.startsWith('-'));
  if (left.some((pattern) => matches(pattern.slice(1), name))) return false;
  return patterns.some((pattern) => !pattern.startsWith('-') && matches(pattern, name));
}

/** @type {Console | undefined} */
let output;

/**
 * @param {string} name
 * @returns {((...parts: unknown[]) => void) | undefined} nothing where it is not asked for
 */
function debug(name) {
  if (!isWanted(name)) return undefined;
  output ??= new Console({ stdout: process.stderr, ignoreErrors: true });
  const { log } = output;
  return (...parts) => log('%s', `${new Date().toISOString()} ${name} ${process.pid} ${parts.join(' ')}`);
}

/** A key, or whatever came in the place of one, in few characters. @param {unknown} key */
function brief(key) {
  if (typeof key === 'string') {
    return JSON.stringify(key.length > LONGEST ? `${key.slice(0, LONGEST)}…` : key);
  }
  if (Array.isArray(key)) return `[${key.length}]`;
  return typeof key === 'object' || typeof key === 'function' ? `(${typeof key})` : String(key);
}

module.exports = { brief, debug, isWanted };
