// The benchmark command: `npm run bench -- <name>`. What it understands is in harness/command.mjs.

import { fileURLToPath } from 'node:url';
import { runCommand } from './harness/command.mjs';

process.exitCode = await runCommand(process.argv.slice(2), {
  root: fileURLToPath(new URL('..', import.meta.url)),
  stdout: process.stdout,
  stderr: process.stderr,
});
