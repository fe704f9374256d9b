/**
 * `npm run build`: builds the release addon into `lib/native/`, unless the one there was built from the same source.
 * `npm run build -- --debug` builds an addon that is not optimized: some seconds after a change, where the other takes half
 * a minute.
 */

import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { fail, output, root } from './run.mjs';
import { fingerprint, onceFor, stampOf } from './stamp.mjs';
import { requireNode, requireRust } from './toolchain.mjs';

/** The addon that the loader finds in a clone. */
export const builtAddon = path.join(root, 'lib/native/flotilla.node');
const stamp = 'target/addon.stamp';

/**
 * Where cargo put the library, in its own words: its folder moves with the target and with the environment.
 *
 * @param {string[]} cargoArgs
 */
function compile(cargoArgs) {
  const args = [
    'build',
    '--locked',
    '--lib',
    '--features',
    'addon',
    '--message-format',
    'json-render-diagnostics',
  ];
  const { status, stdout } = spawnSync('cargo', [...args, ...cargoArgs], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) fail('The addon could not be built; what cargo says stands above.');
  const libraries = stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
    .filter(({ reason, target }) => reason === 'compiler-artifact' && target.kind.includes('cdylib'))
    .flatMap(({ filenames }) => filenames);
  return libraries.find((file) => /\.(so|dylib|dll)$/.test(file));
}

/** @param {string[]} args */
function sources(args) {
  const places = ['Cargo.toml', 'Cargo.lock', 'build.rs', '.cargo', 'src'];
  return fingerprint(places, [output('rustc', ['-vV']) ?? '', ...args]);
}

/** Whether the addon, with or without `--debug`, was built from the source as it is. */
export function isCurrent() {
  return existsSync(builtAddon) && [[], ['--debug']].some((args) => stampOf(stamp) === sources(args));
}

/** @param {string[]} args `--debug`, and what else to tell cargo, such as `--target` */
export function build(args = []) {
  requireNode();
  requireRust();
  if (!existsSync(builtAddon)) rmSync(path.join(root, stamp), { force: true });
  onceFor(stamp, sources(args), () => {
    console.error('Building the native addon (the first time takes a minute) ...');
    const profile = args.includes('--debug') ? [] : ['--release'];
    const library = compile([...profile, ...args.filter((arg) => arg !== '--debug')]);
    // A process that has the old addon mapped keeps it: the new one takes its name, not its place on the disk.
    copyFileSync(library, `${builtAddon.slice(0, -5)}.new.node`);
    renameSync(`${builtAddon.slice(0, -5)}.new.node`, builtAddon);
  });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) build(process.argv.slice(2));
