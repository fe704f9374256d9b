/**
 * Builds Flotilla as it is where memory and sockets cannot be shared between processes, as on macOS and Windows, and runs
 * on it what it promises there: the engine in one process, and the cache over messages by every Node.js that Flotilla supports.
 */

import { copyFileSync, existsSync } from 'node:fs';
import path from 'node:path';
import { supported, testOn } from './node-programs.mjs';
import { fail, root, run } from './run.mjs';

const target = path.join(root, 'target/portable');
const env = {
  ...process.env,
  RUSTFLAGS: `${process.env.RUSTFLAGS ?? ''} --cfg flotilla_portable`.trim(),
  CARGO_TARGET_DIR: target,
};

run('cargo', ['test', '--locked', '--lib'], { env });
run('cargo', ['build', '--locked', '--lib', '--features', 'addon'], { env });

const files = ['libflotilla.so', 'libflotilla.dylib', 'flotilla.dll'];
const library = files.map((file) => path.join(target, 'debug', file)).find((file) => existsSync(file));
if (!library) fail('cargo built no library.');
const addon = path.join(target, 'flotilla.node');
copyFileSync(library, addon);

// Whoever asks for shared memory by name does not get it there.
const args = ['--testNamePattern=^(?!.*\\bshared\\b)', '__test__/cache'];
const portable = { FLOTILLA_ADDON: addon, FLOTILLA_BALANCER: 'portable' };
// The oldest has what all have, and the newest is where something changes: those between leave out what takes longest.
const longest = ['differential', 'fresh', 'history', 'values'].map(
  (name) => `--exclude=__test__/cache/${name}.test.mjs`,
);
for (const major of supported) {
  const isBetween = major !== supported[0] && major !== supported[supported.length - 1];
  testOn(major, isBetween ? [...longest, ...args] : args, portable);
}
