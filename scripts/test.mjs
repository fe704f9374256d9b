/**
 * `npm test`: every test, with the sum of what ran as its last line. What stands behind `--` goes to vitest:
 * `npm test -- __test__/package` runs one part.
 */

import { spawn } from 'node:child_process';
import { installPrograms } from './programs.mjs';
import { fail, root } from './run.mjs';
import { vitest } from './vitest.mjs';

/** Runs cargo's tests, shows what they print, and adds up their closing lines. */
async function cargoTests() {
  const child = spawn('cargo', ['test', '--locked'], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    printed += text;
    process.stdout.write(text);
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  const sums = { passed: 0, failed: 0 };
  for (const [, passed, failed] of printed.matchAll(/^test result: \w+\. (\d+) passed; (\d+) failed/gm)) {
    sums.passed += Number(passed);
    sums.failed += Number(failed);
  }
  // A test crate that does not compile has no closing line.
  if (code !== 0 && sums.failed === 0) fail('cargo test failed before its tests could run.');
  return sums;
}

const args = process.argv.slice(2);
installPrograms();
const parts = [
  args.length === 0 ? await cargoTests() : { passed: 0, failed: 0 },
  vitest(['--reporter=default', ...args]),
];
const passed = parts.reduce((sum, part) => sum + part.passed, 0);
const failed = parts.reduce((sum, part) => sum + part.failed, 0);
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
