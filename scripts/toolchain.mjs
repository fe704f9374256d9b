/** What a machine must have before anything can be built: said in one sentence each, with what to install. */

import { readFileSync } from 'node:fs';
import { fail, output, root } from './run.mjs';

/** @param {string} version */
const numbers = (version) => version.split('.').map(Number);

/**
 * @param {string} actual
 * @param {string} oldest
 */
export function isOlder(actual, oldest) {
  const [a, b] = [numbers(actual), numbers(oldest)];
  const differs = b.findIndex((part, place) => (a[place] || 0) !== part);
  return differs >= 0 && (a[differs] || 0) < b[differs];
}

export function requireNode() {
  const manifest = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));
  const oldest = manifest.engines.node.replace('>=', '');
  if (isOlder(process.versions.node, oldest)) {
    fail(
      `Flotilla needs Node.js ${oldest} or later; this is ${process.version}.\n` +
        'Install a newer one from https://nodejs.org or with your version manager, and try again.',
    );
  }
}

export function requireRust() {
  const oldest = /^rust-version = "(.+)"$/m.exec(readFileSync(`${root}/Cargo.toml`, 'utf8'))?.[1] ?? '';
  const rustc = output('cargo', ['--version']) && output('rustc', ['--version']);
  if (!rustc) {
    fail(
      'Flotilla is built with Rust, and there is no cargo on the PATH.\n' +
        'Install it from https://rustup.rs, open a new shell, and try again.',
    );
  }
  const actual = /\d+\.\d+\.\d+/.exec(rustc ?? '')?.[0] ?? '0';
  if (isOlder(actual, oldest)) {
    fail(`Flotilla needs Rust ${oldest} or later; this is ${actual}.\nRun "rustup update", and try again.`);
  }
  if (process.platform !== 'win32' && !output('cc', ['--version'])) {
    fail(
      'Rust links with the C compiler, and there is no cc on the PATH.\nInstall one (Debian and Ubuntu: ' +
        '"apt-get install gcc"; Alpine: "apk add build-base"; macOS: "xcode-select --install"), and try again.',
    );
  }
}
