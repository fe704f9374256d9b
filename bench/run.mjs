// The benchmark command: `npm run bench -- <name>`. What it understands is in harness/command.mjs.

import { fileURLToPath } from 'node:url';
import { build } from '../scripts/build.mjs';
import { runCommand } from './harness/command.mjs';

const args = process.argv.slice(2);
// A suite measures the release addon of the source as it is, unless another addon is named.
if (args.some((arg) => !arg.startsWith('-')) && !process.env.FLOTILLA_ADDON) build();
process.exitCode = await runCommand(args, {
  root: fileURLToPath(new URL('..', import.meta.url)),
  stdout: process.stdout,
  stderr: process.stderr,
});
