// A repository of its own for each test: suites, documents and results in a temporary folder, and the real
// command run on it in a real process. Whatever Node.js runs the tests, it stands for the reference there.

import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { reference } from '../../scripts/node-programs.mjs';

const command = new URL('../../bench/harness/command.mjs', import.meta.url).href;
const realRun = fileURLToPath(new URL('../../bench/run.mjs', import.meta.url));

const RUN = `
import { runCommand } from ${JSON.stringify(command)};
const { stdout, stderr } = process;
Object.defineProperty(process, 'version', { value: \`v\${process.env.STANDS_FOR ?? '${reference}'}.0.0\` });
process.exitCode = await runCommand(process.argv.slice(2), { root: process.cwd(), stdout, stderr });
`;

/** @typedef {{ code: number | null, stdout: string, stderr: string }} Ended */

/**
 * @param {string} file
 * @param {string[]} args
 * @param {string} [cwd]
 * @returns {Promise<Ended>}
 */
function runNode(file, args, cwd) {
  const env = cwd ? { ...process.env, PATH: `${path.join(cwd, 'bin')}:${process.env.PATH}` } : process.env;
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [file, ...args], { cwd, env }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode, stdout, stderr });
    });
  });
}

/**
 * The command of this repository itself.
 *
 * @param {string[]} args
 * @returns {Promise<Ended>}
 */
export function bench(...args) {
  return runNode(realRun, args);
}

/**
 * @param {Record<string, string>} files their texts by path
 */
export async function makeRepository(files) {
  const root = await mkdtemp(path.join(os.tmpdir(), 'flotilla-bench-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  /** @type {(file: string) => string} */
  const place = (file) => path.join(root, file);
  /** @type {(file: string, text: string) => Promise<void>} */
  const write = async (file, text) => {
    await mkdir(path.dirname(place(file)), { recursive: true });
    await writeFile(place(file), text);
  };
  /** @type {(file: string, text: string) => Promise<void>} */
  const writeProgram = async (file, text) => {
    await write(file, text);
    await chmod(place(file), 0o755);
  };
  await write('run.mjs', RUN);
  await mkdir(place('bench/suites'), { recursive: true });
  for (const [file, text] of Object.entries(files)) await write(file, text);
  return {
    root,
    write,
    writeProgram,
    /** As if this version had been fetched: the Node.js that runs this, which then stands for it. */
    fetched: (/** @type {string} */ version) =>
      writeProgram(
        `target/node-${version}/node_modules/node/bin/node`,
        `#!/bin/sh\nSTANDS_FOR=${version} exec '${process.execPath}' "$@"\n`,
      ),
    /** @type {(file: string) => Promise<string>} */
    read: (file) => readFile(place(file), 'utf8'),
    /** @type {(file: string) => Promise<boolean>} */
    has: (file) =>
      readFile(place(file)).then(
        () => true,
        () => false,
      ),
    /** @type {(...args: string[]) => Promise<Ended>} */
    bench: (...args) => runNode(place('run.mjs'), args, root),
  };
}

/**
 * The text of a suite whose contestants give set figures.
 *
 * @param {object} options
 * @param {Record<string, number>} options.figures by the id of the contestant
 * @param {object[]} [options.rows]
 * @param {string} [options.direction]
 * @param {Record<string, object>} [options.needs] more fields of a contestant, by its id
 * @returns {string}
 */
export function figuresSuite({ figures, rows = [], direction = 'higher is better', needs = {} }) {
  const contestants = Object.entries(figures).map(([id, figure]) => {
    const fields = JSON.stringify({ id, label: `label of ${id}`, kind: 'round', ...needs[id] });
    return `{ ...${fields}, prepare: () => ({ round: () => ${figure} }) }`;
  });
  return `export default {
    title: 'set figures', measures: 'nothing', unit: 'requests/s', rounds: 5,
    direction: ${JSON.stringify(direction)},
    contestants: [${contestants.join(',\n')}],
    rows: ${JSON.stringify(rows)},
  };\n`;
}
