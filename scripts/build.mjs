/** `npm run build`: builds the release addon into `lib/native/`, unless the one there was built from the same source. */

import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { fail, output, root } from './run.mjs';
import { fingerprint, onceFor } from './stamp.mjs';
import { requireNode, requireRust } from './toolchain.mjs';

const addon = path.join(root, 'lib/native/flotilla.node');
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

/** @param {string[]} cargoArgs what else to tell cargo, such as `--target` */
export function build(cargoArgs = []) {
  requireNode();
  requireRust();
  if (!existsSync(addon)) rmSync(path.join(root, stamp), { force: true });
  const sources = fingerprint(
    ['Cargo.toml', 'Cargo.lock', 'build.rs', '.cargo', 'src'],
    [output('rustc', ['-vV']) ?? '', ...cargoArgs],
  );
  onceFor(stamp, sources, () => {
    console.error('Building the native addon (the first time takes a minute) ...');
    const library = compile(['--release', ...cargoArgs]);
    // A process that has the old addon mapped keeps it: the new one takes its name, not its place on the disk.
    copyFileSync(library, `${addon.slice(0, -5)}.new.node`);
    renameSync(`${addon.slice(0, -5)}.new.node`, addon);
  });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) build(process.argv.slice(2));
