/**
 * The packages that adapters extend: found when an adapter is first used, as a program that plugs into none of them has none of
 * them installed. A missing one, and a version that nobody has tried, is told of by an error that says what to install.
 */

const { createError } = require('../errors.js');

/**
 * Only the package itself may be absent; one that is there and fails to load must say so.
 *
 * @param {string} name
 * @param {any} error
 */
function absent(name, error) {
  const { code, message, data } = error;
  // Yarn, where it resolves by itself, has words of its own, and says what it looked for.
  const isIt = message.startsWith(`Cannot find module '${name}'`) || data?.dependencyName === name;
  if (code !== 'MODULE_NOT_FOUND' || !isIt) throw error;
}

/**
 * @param {string} name
 * @returns {any} what the package exports, or nothing where it is not installed
 */
function installed(name) {
  try {
    return require(name);
  } catch (error) {
    return absent(name, error);
  }
}

/**
 * @param {string} entry that needs it
 * @param {string} name
 * @param {number[]} majors the versions that it knows
 * @param {string} [part] that each of them exports; some begin with a minor version
 */
function checkPeer(entry, name, majors, part) {
  const wanted = `${name}@${Math.max(...majors)}`;
  const manifest = installed(`${name}/package.json`);
  if (manifest === undefined) throw createError('FLOTILLA_ERR_PEER_MISSING', [entry, name, wanted]);
  const { version } = manifest;
  const isKnown = majors.includes(Number.parseInt(version, 10));
  if (isKnown && (part === undefined || require(name)[part] !== undefined)) return;
  throw createError('FLOTILLA_ERR_PEER_VERSION', [entry, `${version} of "${name}"`, wanted]);
}

/**
 * @param {string} entry
 * @param {string} name
 * @param {number[]} majors
 * @param {string} part
 * @returns {any} that part of what the package exports
 */
function peer(entry, name, majors, part) {
  checkPeer(entry, name, majors, part);
  return require(name)[part];
}

/**
 * A class to extend in the place of one that is found when the first object is made.
 *
 * @param {() => Function} find
 * @returns {any}
 */
function lateClass(find) {
  /** @type {Function | undefined} */
  let found;
  /** @param {any[]} args */
  return function Late(...args) {
    if (found === undefined) {
      found = find();
      Object.setPrototypeOf(Late, found);
      Object.setPrototypeOf(Late.prototype, found.prototype);
    }
    return Reflect.construct(found, args, /** @type {Function} */ (new.target));
  };
}

module.exports = { absent, checkPeer, lateClass, peer };
