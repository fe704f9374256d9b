/**
 * The platforms that have a prebuilt addon, and what Node calls each of them.
 *
 * Everything else that names platforms follows from this list: the manifests in `npm/`, the optional
 * dependencies in `package.json`, and the matrix of the release workflow, which a test compares with it.
 */

/**
 * @typedef {object} Platform
 * @property {string} id
 * @property {NodeJS.Platform} os
 * @property {NodeJS.Architecture} cpu
 * @property {'glibc' | 'musl'} [libc]
 * @property {string} target what Rust calls it
 */

/** @type {readonly Platform[]} */
const platforms = [
  { id: 'linux-x64-gnu', os: 'linux', cpu: 'x64', libc: 'glibc', target: 'x86_64-unknown-linux-gnu' },
  { id: 'linux-x64-musl', os: 'linux', cpu: 'x64', libc: 'musl', target: 'x86_64-unknown-linux-musl' },
  { id: 'linux-arm64-gnu', os: 'linux', cpu: 'arm64', libc: 'glibc', target: 'aarch64-unknown-linux-gnu' },
  { id: 'linux-arm64-musl', os: 'linux', cpu: 'arm64', libc: 'musl', target: 'aarch64-unknown-linux-musl' },
  { id: 'darwin-x64', os: 'darwin', cpu: 'x64', target: 'x86_64-apple-darwin' },
  { id: 'darwin-arm64', os: 'darwin', cpu: 'arm64', target: 'aarch64-apple-darwin' },
  { id: 'win32-x64-msvc', os: 'win32', cpu: 'x64', target: 'x86_64-pc-windows-msvc' },
];

/**
 * The C library that the running Node was linked with. It takes milliseconds to find out, so it is asked only
 * where the answer decides.
 *
 * @returns {'glibc' | 'musl'}
 */
function runningLibc() {
  const report = /** @type {NodeJS.ProcessReport & { excludeNetwork?: boolean }} */ (process.report);
  const { excludeNetwork } = report;
  // Without this, Node resolves the name of every open connection first.
  report.excludeNetwork = true;
  try {
    const { header } = /** @type {{ header: { glibcVersionRuntime?: string } }} */ (report.getReport());
    return header.glibcVersionRuntime ? 'glibc' : 'musl';
  } finally {
    report.excludeNetwork = excludeNetwork;
  }
}

/**
 * The platforms whose addon may fit: two where only the C library decides, none where none was built.
 *
 * @param {NodeJS.Platform} [os]
 * @param {NodeJS.Architecture} [cpu]
 */
function fittingPlatforms(os = process.platform, cpu = process.arch) {
  return platforms.filter((platform) => platform.os === os && platform.cpu === cpu);
}

/**
 * The addon of a platform’s package, as it is installed or stands in a bundle. Each is required by its whole name: by that, tracers
 * and bundlers find it; and each within a `try`, so that they take one that is not installed for what need not be there.
 *
 * @param {string} id
 * @returns {unknown} nothing where it is not there
 */
function packagedAddon(id) {
  try {
    if (id === 'linux-x64-gnu') return require('flotilla-linux-x64-gnu/flotilla.node');
    if (id === 'linux-x64-musl') return require('flotilla-linux-x64-musl/flotilla.node');
    if (id === 'linux-arm64-gnu') return require('flotilla-linux-arm64-gnu/flotilla.node');
    if (id === 'linux-arm64-musl') return require('flotilla-linux-arm64-musl/flotilla.node');
    if (id === 'darwin-x64') return require('flotilla-darwin-x64/flotilla.node');
    if (id === 'darwin-arm64') return require('flotilla-darwin-arm64/flotilla.node');
    if (id === 'win32-x64-msvc') return require('flotilla-win32-x64-msvc/flotilla.node');
    return undefined;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

/** @param {string} id */
const packageName = (id) => `flotilla-${id}`;

/** The addon's name, in a platform's package and beside the loader alike. */
const addonFile = 'flotilla.node';

module.exports = { addonFile, fittingPlatforms, packageName, packagedAddon, platforms, runningLibc };
