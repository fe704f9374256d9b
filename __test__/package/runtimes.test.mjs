// Other runtimes than Node: the addon does not run there, and says so; the signals do.

import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { fetched } from '../fixtures/fetched.mjs';
import { emptyFolder, installCopy } from '../fixtures/folders.mjs';
import { node, start } from '../fixtures/processes.mjs';

const core = `
  import { computed, createScope, effect, runInScope, serializeScope, signal } from 'flotilla/core';
  const count = signal(1, { key: 'count' });
  const twice = computed(() => count.get() * 2);
  const seen = [];
  effect(() => { seen.push(twice.get()); });
  count.set(2);
  const scope = createScope();
  const inScope = await runInScope(scope, async () => {
    count.set(5);
    await new Promise((resolve) => setTimeout(resolve, 1));
    return twice.get();
  });
  console.log(JSON.stringify({ seen, inScope, outside: twice.get(), data: serializeScope(scope) }));`;
const refused = (entry) =>
  `await import('${entry}').catch(({ code, message }) => console.log(code, message));`;

describe.each([
  ['Bun', 'bun', { bun: '^1.3.0' }, ['run']],
  ['Deno', 'deno', { deno: '^2.5.0' }, ['run', '--allow-all']],
])('%s', (title, command, dependencies, args) => {
  /** @type {ReturnType<typeof fetched>} */
  let tools;
  let binary;
  beforeAll(() => {
    tools = fetched(command, dependencies);
    binary = path.join(tools.folder, 'node_modules/.bin', command);
    if (!existsSync(binary)) tools.reason ??= `${title} is not there`;
  }, 180_000);

  async function outcome(source) {
    const folder = emptyFolder();
    installCopy(folder);
    writeFileSync(path.join(folder, 'package.json'), '{}');
    writeFileSync(path.join(folder, 'program.mjs'), source);
    return start(binary, [...args, 'program.mjs'], { cwd: folder }).ended;
  }

  it('runs flotilla/core without the addon', async (context) => {
    if (tools.reason) return context.skip(tools.reason);
    const { stdout, stderr } = await outcome(core);
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({ seen: [2, 4], inScope: 10, outside: 4, data: { count: 5 } });
  });

  it('is told by every other entry point that the addon does not run there', async (context) => {
    if (tools.reason) return context.skip(tools.reason);
    const entries = ['flotilla', 'flotilla/cache', 'flotilla/server', 'flotilla/express'];
    const outcomes = await Promise.all(entries.map((entry) => outcome(refused(entry))));
    const expected = new RegExp(
      `^FLOTILLA_ERR_RUNTIME_UNSUPPORTED .*Node.js alone, and this is ${title} [\\d.]+\\. Run the program with Node.js; .*\\n$`,
    );
    for (const { stdout } of outcomes) expect(stdout).toMatch(expected);
  });
});

describe('Node without an addon', () => {
  it('runs flotilla/core', async () => {
    const folder = emptyFolder();
    installCopy(folder);
    writeFileSync(path.join(folder, 'program.mjs'), core);
    const { stdout } = await node(['program.mjs'], {
      cwd: folder,
      env: { ...process.env, FLOTILLA_ADDON: '' },
    });
    expect(JSON.parse(stdout)).toMatchObject({ inScope: 10, outside: 4 });
  });
});
