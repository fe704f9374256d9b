/**
 * `npm run pack:all -- <folder>`: packs what npm would publish from this machine, the main package and the one
 * with the addon built here, into a folder.
 */

import { copyFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { build } from './build.mjs';
import { fail, output, root } from './run.mjs';

/** @type {typeof import('../lib/native/platforms.js')} */
const { addonFile, fittingPlatforms, runningLibc } = createRequire(import.meta.url)(
  '../lib/native/platforms.js',
);

/**
 * @param {string} folder
 * @param {string} destination
 */
function pack(folder, destination) {
  const name = output('npm', ['pack', '--silent', '--pack-destination', destination], folder);
  if (!name) fail(`npm could not pack ${folder}.`);
  console.log(path.join(destination, String(name)));
}

build();
const destination = path.resolve(process.argv[2] ?? 'dist');
mkdirSync(destination, { recursive: true });
const platforms = fittingPlatforms();
const host = platforms.find(({ libc }) => platforms.length === 1 || libc === runningLibc());
if (!host) fail(`There is no package for ${process.platform}-${process.arch}.`);
const folder = path.join(root, 'npm', host.id);
copyFileSync(path.join(root, 'lib/native', addonFile), path.join(folder, addonFile));
pack(root, destination);
pack(folder, destination);
