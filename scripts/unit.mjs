/**
 * `npm run test:unit`: the fast loop. It runs the JavaScript tests that start no process and, where cargo has built them
 * before, Rust's unit tests. It installs nothing and downloads nothing; what is missing is said in a sentence. Names behind
 * `--` choose among the JavaScript tests: `npm run test:unit -- __test__/scope`.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { builtAddon, isCurrent } from './build.mjs';
import { bin, fail, root, runs } from './run.mjs';

const STARTS_PROCESSES = /'(node:)?(child_process|cluster|worker_threads)'/;
const IMPORTED = /(?:from|import|import\()\s*'(\.[^']+\.[cm]?js)'/g;
/** What a test imports from here is looked through, too; the library itself is not. */
const OF_TESTS = ['__test__', 'bench', 'scripts'].map((folder) => path.join(root, folder) + path.sep);

/**
 * @param {string} file
 * @param {Set<string>} seen
 * @returns {boolean} whether it, or what it imports from the tests, the benchmarks and the scripts, can start a process
 */
function startsProcesses(file, seen = new Set()) {
  seen.add(file);
  const text = readFileSync(file, 'utf8');
  if (STARTS_PROCESSES.test(text)) return true;
  return [...text.matchAll(IMPORTED)]
    .map(([, imported = '']) => path.resolve(path.dirname(file), imported))
    .filter((imported) => OF_TESTS.some((folder) => imported.startsWith(folder)) && !seen.has(imported))
    .some((imported) => startsProcesses(imported, seen));
}

/** @returns {string[]} the test files that start no process, from the repository's root */
export function unitTests() {
  return readdirSync(path.join(root, '__test__'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.mjs'))
    .map((file) => path.join('__test__', file))
    .filter((file) => !startsProcesses(path.join(root, file)))
    .sort();
}

/** @param {string[]} names what the wanted files have in their names; all files if there are none */
function javaScriptTests(names) {
  if (!existsSync(bin('vitest'))) fail('The packages are not installed: run "npm ci", and try again.');
  if (!existsSync(builtAddon)) {
    fail('The addon is not built: run "npm run build -- --debug", and try again.');
  }
  if (!isCurrent()) console.log('The addon is older than its source: "npm run build -- --debug" renews it.');
  const files = unitTests().filter((file) => names.length === 0 || names.some((name) => file.includes(name)));
  if (files.length === 0) {
    fail(`No test that starts no process is called ${names.join(' or ')}: "npx vitest run" takes all tests.`);
  }
  return runs(bin('vitest'), ['run', '--typecheck.enabled=false', '--reporter=dot', ...files]);
}

/** Rust's unit tests, but for those that let a process die at each of its steps: they take minutes. */
function rustTests() {
  const built = path.join(root, 'target/debug/.fingerprint');
  const isBuilt =
    existsSync(built) &&
    readdirSync(built, { recursive: true }).some((file) => /test-lib-flotilla$/.test(String(file)));
  if (!isBuilt) {
    console.log(
      'Rust’s unit tests are left out: "cargo test --lib --no-run" builds them, in a minute or two.',
    );
    return true;
  }
  return runs('cargo', ['test', '--quiet', '--lib', '--locked', '--offline', '--', '--skip', 'deaths']);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const names = process.argv.slice(2);
  const ended = [javaScriptTests(names), names.length > 0 || rustTests()];
  process.exitCode = ended.every(Boolean) ? 0 : 1;
}
