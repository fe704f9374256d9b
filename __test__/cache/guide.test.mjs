// Every block of docs/cache.md, run as it is written there. A line that ends in a comment with a value is checked
// against that value; programs run as processes of their own.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import timers from 'node:timers/promises';
import { LRUCacheClustered } from 'flotilla';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { blocksOf, deadLinks, withChecks } from '../fixtures/blocks.mjs';
import { root } from '../fixtures/folders.mjs';
import { start } from '../fixtures/processes.mjs';

const text = readFileSync(path.join(root, 'docs/cache.md'), 'utf8');

const blocks = blocksOf(text);
const isProgram = ({ code }) => /startServer|cluster\./.test(code);
const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;

/** Runs a block, with what it takes for granted, and gives how many values were checked. */
async function run(code, given = {}) {
  const body = withChecks(code).replace(
    /^import (.*) from '(.*)';$/gm,
    (_all, names, module) => `const ${names} = await $load('${module}');`,
  );
  let checks = 0;
  const check = async (actual, expected) => {
    checks++;
    expect(await actual).toEqual(expected);
  };
  const scope = { $load: (module) => import(module), $check: check, ...given };
  await new AsyncFunction(...Object.keys(scope), body)(...Object.values(scope));
  return checks;
}

const folder = path.join(root, 'target/guide');
mkdirSync(folder, { recursive: true });
const programs = mkdtempSync(path.join(folder, 'run-'));
afterAll(() => rmSync(programs, { recursive: true, force: true }));

/** Runs a block as a program. */
function startBlock({ heading, code }, end = '') {
  const file = path.join(programs, `${heading.replace(/\W/g, '-')}-${code.length}.mjs`);
  writeFileSync(file, code + end);
  return start(process.execPath, [file], {
    env: { ...process.env, SESSION_SECRET: 'a secret of 32 or more characters' },
  });
}

afterEach(() => LRUCacheClustered.getAllCaches().clear());

describe('the guide', () => {
  /** How many values each block has that are checked. */
  const values = [
    ['Options', 1],
    ['Lifetimes', 4],
    ['Counters', 4],
    ['Counters', 2],
    ['Claims', 2],
    ['Claims', 2],
    ['Changing what is there', 3],
    ['Changing what is there', 3],
    ['Tags', 2],
    ['Single flight', 4],
    ['Fresh', 3],
    ['What a fetcher is told', 2],
    ['Kind to the origin', 3],
    ['Stale while it is refreshed', 3],
    ['Where the origin fails, or is slow', 5],
    ['Early, spread, and nothing at all', 5],
    ['Tags of what was fetched', 2],
    ['A caller that stops waiting', 2],
    ['Several keys, and all of them', 3],
    ['Sizes', 2],
    ['Codecs', 2],
    ['Without promises', 4],
    ['Keys and values', 2],
    ['Figures', 2],
    ['What a stopped process holds up', 2],
  ];
  const examples = blocks.filter((block) => !isProgram(block));

  it('is all run here', () => {
    expect(examples.map(({ heading }) => heading)).toEqual(values.map(([heading]) => heading));
    expect(blocks.filter(isProgram).map(({ heading }) => heading)).toEqual([
      'The cache',
      'Memory',
      'Stores',
      'Stores',
    ]);
  });

  it.each(values.map(([heading, count], at) => ({ heading, count, code: examples[at]?.code })))(
    'says what its lines do: $heading',
    async ({ count, code }) => {
      expect(await run(code)).toBe(count);
    },
  );

  it('has a short form in the README', async () => {
    const readme = readFileSync(path.join(root, 'README.md'), 'utf8');
    const [, code] = /^## One cache for all workers\n\n```js\n(.*?)```/ms.exec(readme);
    const findUser = vi.fn(async (id) => ({ id }));
    await run(code, { db: { findUser } });
    expect(findUser.mock.calls).toEqual([[42]]);
    const users = new LRUCacheClustered({ namespace: 'users', max: 10_000, ttl: 60_000 });
    expect(await users.getRemainingTTL('user:42')).toBeGreaterThan(60_000);
  });

  it('begins with a program that two workers run', async () => {
    const { prints } = startBlock(blocks[0]);
    await prints(/(\{ name: 'ada' \}\n){2}/);
  });

  it('sets the ceiling before there is a cache', async () => {
    const { ended } = startBlock(blocks.find(({ heading }) => heading === 'Memory'));
    expect(await ended).toMatchObject({ code: 0, stderr: '' });
  });

  it.each(blocks.filter(({ heading }) => heading === 'Stores'))(
    'serves sessions in all workers',
    async (block) => {
      const code = block.code.replace(
        'await startServer(app, { port: 3000 });',
        `const { mode, port } = await startServer(app, { host: '127.0.0.1', port: 0, baseWorkerPort: 0, workers: 2 });
       if (mode === 'primary') console.log('port ' + port);`,
      );
      const { prints } = startBlock({ ...block, code });
      const [, port] = await prints(/port (\d+)/);
      let cookie = '';
      const answers = [];
      const answered = () => new Set(answers.map((answer) => answer.split('answered by')[1])).size;
      while (answered() < 2) {
        const response = await fetch(`http://127.0.0.1:${port}/`, {
          headers: { cookie, connection: 'close' },
        });
        cookie ||= response.headers.get('set-cookie').split(';')[0];
        answers.push(await response.text());
        // A hundred visits are allowed in a minute, and the second worker may be slower to start than that.
        await timers.setTimeout(50);
      }
      expect(answers.map((answer) => answer.split(',')[0])).toEqual(
        answers.map((_, index) => `Visit ${index + 1}`),
      );
    },
  );

  it('leads to headings that are there', () => {
    expect(deadLinks(text)).toEqual([]);
  });
});
