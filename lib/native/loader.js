/**
 * Finds the addon, loads it, and makes sure that it belongs to this JavaScript.
 *
 * Whatever can be wrong with an installation shows here, at the first import, as an error with a code that
 * says what to do: nothing after this module has to ask whether the addon is there.
 */

/** @import { Platform } from './platforms.js' */
/** @typedef {typeof import('./addon.js')} Addon */

const { existsSync } = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');
const { later, version } = require('../base/loading.js');

const errors = later(() => require('../errors.js'));
const manifest = later(() => require('../../package.json'));
const platforms = later(() => require('./platforms.js'));

/** Node’s own, for files that are known only when the program runs: bundlers leave it alone. */
const requireFile = createRequire(__filename);

/** The version of Node-API that the addon is built for; the oldest Node in `engines` has it. */
const NODE_API = 9;

function requireNode() {
  const { bun, deno, napi, node } = process.versions;
  if (bun !== undefined || deno !== undefined) {
    const runtime = bun === undefined ? `Deno ${deno}` : `Bun ${bun}`;
    throw errors().createError('FLOTILLA_ERR_RUNTIME_UNSUPPORTED', [runtime]);
  }
  if (Number(napi) >= NODE_API && Number.parseInt(node, 10) >= 20) return;
  throw errors().createError('FLOTILLA_ERR_NODE_VERSION', [
    process.version,
    manifest().engines.node.replace('>=', ''),
  ]);
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
    return requireFile.resolve(`${packageName(id)}/${addonFile}`);
  } catch {
    return undefined;
  }
}

/** @typedef {{ addon: Addon, place: string }} Found */

/** @returns {Found} the addon, from the first place that has one */
function findAddon() {
  // A build with special features, for tests and for those who build their own.
  const file = process.env.FLOTILLA_ADDON || installedFile();
  return file === undefined
    ? bundledAddon()
    : own(
        file,
        attempt(file, () => requireFile(file)),
      );
}

/** @returns {string | undefined} */
function installedFile() {
  if (existsSync(builtHere)) return builtHere;
  const { fittingPlatforms, runningLibc } = platforms();
  const found = fittingPlatforms().flatMap((platform) => {
    const file = installedAddon(platform);
    return file === undefined ? [] : [{ file, platform }];
  });
  if (found.length < 2) return found[0]?.file;
  // Both are there: only now is it worth asking which C library runs.
  const libc = runningLibc();
  return found.find(({ platform }) => platform.libc === libc)?.file;
}

/** @returns {Found} what a bundler has taken in, since no package is installed */
function bundledAddon() {
  const { fittingPlatforms, packagedAddon, packageName, platforms: all, runningLibc } = platforms();
  const fitting = fittingPlatforms();
  if (fitting.length === 0) {
    const known = all.map(({ id }) => id).join(', ');
    const details = [`${process.platform}-${process.arch}`, known];
    throw errors().createError('FLOTILLA_ERR_PLATFORM_UNSUPPORTED', details);
  }
  const libc = fitting.length > 1 ? runningLibc() : undefined;
  const { id } = fitting.find((platform) => platform.libc === libc) ?? fitting[0];
  const name = packageName(id);
  const addon = attempt(name, () => packagedAddon(id));
  if (addon !== undefined) return own(name, addon);
  // In a bundle this is a file of another name.
  const isBundled = path.basename(__filename) !== 'loader.js';
  const code = isBundled ? 'FLOTILLA_ERR_ADDON_NOT_BUNDLED' : 'FLOTILLA_ERR_ADDON_MISSING';
  throw errors().createError(code, [id, `the package ${name} and ${builtHere}`]);
}

/**
 * @param {string} place
 * @param {() => unknown} load
 */
function attempt(place, load) {
  try {
    return load();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    if (/** @type {any} */ (cause)?.code === 'ERR_DLOPEN_DISABLED')
      throw errors().createError('FLOTILLA_ERR_NOT_PERMITTED', ['load addons', '--allow-addons'], { cause });
    throw errors().createError('FLOTILLA_ERR_ADDON_FOREIGN', [place, reason], { cause });
  }
}

/**
 * @param {string} place
 * @param {any} addon
 * @returns {Found}
 */
function own(place, addon) {
  if (typeof addon?.addonVersion === 'function') return { addon, place };
  const reason = 'it does not say which version of Flotilla it is';
  throw errors().createError('FLOTILLA_ERR_ADDON_FOREIGN', [place, reason]);
}

/** @returns {Addon} */
function loadAddon() {
  requireNode();
  const { addon, place } = findAddon();
  if (addon.addonVersion() !== version) {
    throw errors().createError('FLOTILLA_ERR_ADDON_VERSION', [place, addon.addonVersion(), version]);
  }
  if (process.env.FLOTILLA_TRACE) require('./trace.js').traceThreads(addon, process.env.FLOTILLA_TRACE);
  return addon;
}

module.exports = loadAddon();
