/**
 * Runs vitest and counts. In CI a file with a failed test runs once more, by itself: on a machine that is shared, a process may
 * wait for seconds where nothing is wrong. What passed only then is told by name, to be mended.
 */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { root, runs } from './run.mjs';

/** Tests that look for what happens once in many runs: a failure of theirs has found it. */
const looksForRaces = /__test__\/(crash\/|cache\/history)/;

/** @typedef {{ name: string, assertionResults: { status: string, fullName: string }[], status: string }} File */

/** @param {File[]} files @param {string} status */
const tests = (files, status) =>
  files.flatMap(({ assertionResults }) => assertionResults.filter((test) => test.status === status));

/**
 * @param {string} program of Node.js
 * @param {string[]} args of vitest
 * @param {NodeJS.ProcessEnv} env
 * @returns {{ ended: boolean, files: File[] }} whether vitest had nothing to say against anything, and what became of each file
 */
function once(program, args, env) {
  const folder = mkdtempSync(path.join(tmpdir(), 'flotilla-tests-'));
  const report = path.join(folder, 'report.json');
  const vitest = path.join(root, 'node_modules/vitest/vitest.mjs');
  const reporters = ['--reporter=json', `--outputFile.json=${report}`];
  try {
    const ended = runs(program, [vitest, 'run', ...reporters, ...args], { env });
    return { ended, files: JSON.parse(readFileSync(report, 'utf8')).testResults };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string[]} args of vitest, with a reporter
 * @param {{ program?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {{ passed: number, failed: number }}
 */
export function vitest(args, { program = process.execPath, env = process.env } = {}) {
  let { ended, files } = once(program, args, env);
  const failed = files.filter(({ status }) => status === 'failed');
  if (env.CI && failed.length > 0 && !failed.some(({ name }) => looksForRaces.test(name))) {
    console.log(`\nOnce more, by themselves: the ${failed.length} files with a failed test.`);
    const names = failed.map(({ name }) => name);
    const options = args.filter((arg) => arg.startsWith('-'));
    // The types as well: an error of theirs outside of a test is in no file.
    const again = once(program, [...options, '--maxWorkers=1', ...names, '__test__/types'], env);
    const isRepeated = (/** @type {File} */ { name }) => again.files.some((file) => file.name === name);
    for (const { fullName } of tests(failed, 'failed')) console.log(`Failed in the first run: ${fullName}`);
    files = [...files.filter((file) => !isRepeated(file)), ...again.files];
    ended = again.ended && failed.every(isRepeated);
  }
  // A file that fails to load has no test of its own to count, and an error outside of every test no file.
  const count = tests(files, 'failed').length;
  return { passed: tests(files, 'passed').length, failed: ended ? 0 : Math.max(count, 1) };
}
