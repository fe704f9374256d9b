// The benchmark command: `npm run bench`. What it understands is in harness/command.mjs.

import { fileURLToPath } from 'node:url';
import { build } from '../scripts/build.mjs';
import { runCommand } from './harness/command.mjs';

const args = process.argv.slice(2);
// A suite measures the release addon of the source as it is, unless another addon is named.
const measures = !args.some((arg) => ['--charts', '--tables', '--list', '--help'].includes(arg));
if (measures && !process.env.FLOTILLA_ADDON) build();
process.exitCode = await runCommand(args, {
  root: fileURLToPath(new URL('..', import.meta.url)),
  stdout: process.stdout,
  stderr: process.stderr,
});
