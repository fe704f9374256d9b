/**
 * Finds the addon, loads it, and makes sure that it belongs to this JavaScript.
 *
 * Whatever can be wrong with an installation shows here, at the first import, as an error with a code that
 * says what to do: nothing after this module has to ask whether the addon is there.
 */

/** @import { Platform } from './platforms.js' */
/** @typedef {typeof import('./addon.js')} Addon */

const { existsSync } = require('node:fs');
const path = require('node:path');
const { later } = require('../base/lazy.js');
const { version, engines } = require('../../package.json');

const errors = later(() => require('../errors.js'));
const platforms = later(() => require('./platforms.js'));

/** The version of Node-API that the addon is built for; the oldest Node in `engines` has it. */
const NODE_API = 9;

function requireNode() {
  if (Number(process.versions.napi) >= NODE_API && Number.parseInt(process.versions.node, 10) >= 20) return;
  throw errors().createError('FLOTILLA_ERR_NODE_VERSION', [process.version, engines.node.replace('>=', '')]);
}

/** What `npm run build` makes. Only in a clone; the package does not carry it. */
const builtHere = path.join(__dirname, 'flotilla.node');

/**
 * @param {Platform} platform
 * @returns {string | undefined} where its package has the addon, if that is installed
 */
function installedAddon({ id }) {
  const { addonFile, packageName } = platforms();
  try {
    return require.resolve(`${packageName(id)}/${addonFile}`);
  } catch {
    return undefined;
  }
}

/** @returns {string} */
function locateAddon() {
  if (existsSync(builtHere)) return builtHere;
  const { fittingPlatforms, packageName, platforms: all, runningLibc } = platforms();
  const fitting = fittingPlatforms();
  if (fitting.length === 0) {
    const known = all.map(({ id }) => id).join(', ');
    throw errors().createError('FLOTILLA_ERR_PLATFORM_UNSUPPORTED', [
      `${process.platform}-${process.arch}`,
      known,
    ]);
  }
  const found = fitting.flatMap((platform) => {
    const file = installedAddon(platform);
    return file === undefined ? [] : [{ file, platform }];
  });
  if (found.length === 1) return found[0].file;

  // None or both are there: only now is it worth asking which C library runs.
  const libc = fitting.length > 1 ? runningLibc() : undefined;
  const match = found.find(({ platform }) => platform.libc === libc);
  if (match) return match.file;
  const { id } = fitting.find((platform) => platform.libc === libc) ?? fitting[0];
  throw errors().createError('FLOTILLA_ERR_ADDON_MISSING', [
    id,
    `the package ${packageName(id)} and ${builtHere}`,
  ]);
}

/**
 * @param {string} file
 * @returns {Addon}
 */
function openAddon(file) {
  let addon;
  try {
    addon = require(file);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw errors().createError('FLOTILLA_ERR_ADDON_FOREIGN', [file, reason], { cause });
  }
  if (typeof addon?.addonVersion !== 'function') {
    throw errors().createError('FLOTILLA_ERR_ADDON_FOREIGN', [
      file,
      'it does not say which version of Flotilla it is',
    ]);
  }
  return addon;
}

/** @returns {Addon} */
function loadAddon() {
  requireNode();
  // A build with special features, for tests and for those who build their own.
  const file = process.env.FLOTILLA_ADDON || locateAddon();
  const addon = openAddon(file);
  if (addon.addonVersion() !== version) {
    throw errors().createError('FLOTILLA_ERR_ADDON_VERSION', [file, addon.addonVersion(), version]);
  }
  return addon;
}

module.exports = loadAddon();
