// Programs that workers cannot run again, because they are no file; and workers whose end has a meaning.

import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { root } from '../fixtures/folders.mjs';

const { meaningOf } = createRequire(import.meta.url)('../../lib/cluster/endings.js');

/** Runs Node with a text on its standard input, and gives what it prints. */
const printed = (args, input = '') =>
  new Promise((resolve) => {
    const child = execFile(process.execPath, args, { cwd: root }, (_error, stdout, stderr) =>
      resolve(stdout + stderr),
    );
    child.stdin.end(input);
  });

const calls = {
  startServer: "require('flotilla').startServer((_, response) => response.end(), { port: 0 })",
  createServer: `(() => {
    const { createContext, createServer } = require('flotilla');
    return createServer(createContext({ port: 0, app: () => () => {} }), { workers: 2 }).start();
  })()`,
};

describe.each(Object.entries(calls))('%s in a program that is no file', (_name, call) => {
  const program = `${call}.catch(({ code, message }) => console.log(code, message));`;
  it.each([
    ['in -e', ['-e', program], '', 'stands in -e'],
    ['on the standard input', [], program, 'comes from the standard input, or is typed'],
    ['on the standard input, by a dash', ['-'], program, 'comes from the standard input, or is typed'],
    ['typed', ['-i'], `${program}\n`, 'comes from the standard input, or is typed'],
  ])('says what to do: %s', async (_where, args, input, from) => {
    const text = await printed(args, input);
    expect(text).toMatch(
      `FLOTILLA_ERR_NO_PROGRAM Workers run the file of the program again, and this program ${from}.`,
    );
    expect(text).toMatch('Put it into a file');
  });
});

describe('the end of a worker', () => {
  it.each([
    ['SIGINT', true, ': it was interrupted: a Ctrl-C reaches every process of a terminal'],
    [130, false, ': it was interrupted: a Ctrl-C reaches every process of a terminal'],
    ['SIGKILL', true, ': where nobody has killed it, the system had no memory left for it'],
    [0, false, ': it had nothing left to do before it was ready, or called process.exit()'],
    [0, true, ''],
    [1, false, ''],
  ])('by %s, having been ready: %s, is told as "%s"', (how, wasReady, meaning) => {
    expect(meaningOf(how, wasReady)).toBe(meaning);
  });
});
