// Every block of docs/adapters.md, run as it is written there, as a program beside the real packages.

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { blocksOf, deadLinks, withChecks } from '../fixtures/blocks.mjs';
import { root } from '../fixtures/folders.mjs';
import { project, startIn } from '../fixtures/peers.mjs';

const text = readFileSync(path.join(root, 'docs/adapters.md'), 'utf8');
const blocks = blocksOf(text);

const check = `
import { deepStrictEqual } from 'node:assert';
let $checks = 0;
process.on('exit', () => console.log('checks', $checks));
async function $check(actual, expected) {
  deepStrictEqual(await actual, expected);
  $checks++;
}
`;

/** Undici 8 needs a newer Node.js than the oldest that there may be here. */
const isOld = Number(process.versions.node.split('.')[0]) < 22;

/** The packages whose classes an adapter extends. */
const extended = { 'rate-limiter-flexible': 'rate-limiter-flexible', 'socket.io': 'socket.io-adapter' };

/** The packages that a block needs, beside this one and Node’s own. */
const packagesOf = (code) =>
  [...code.matchAll(/^import .* from '((?:@[\w.-]+\/)?[\w.-]+).*';$/gm)]
    .map(([, name]) => name)
    .filter((name) => name !== 'flotilla' && !name.startsWith('node:'))
    .concat(
      [...code.matchAll(/from 'flotilla\/(rate-limiter-flexible|socket\.io)'/g)].map(
        ([, name]) => extended[name],
      ),
    )
    .map((name) => (name === 'undici' && isOld ? [name, 'undici7'] : name));

describe('the page about adapters', () => {
  /** Under which headings there are blocks, and how many values each has that are checked. */
  const values = [
    ['Keyv', 2],
    ['Keyv', 1],
    ['rate-limiter-flexible', 2],
    ['lru-cache', 3],
    ['Bentocache', 2],
    ['unstorage', 2],
    ['undici', 0],
    ['Apollo Server', 1],
    ['Next.js', 0],
    ['socket.io', 1],
    ['The bus', 1],
  ];

  it('is all run here', () => {
    expect(blocks.map(({ heading }) => heading)).toEqual(values.map(([heading]) => heading));
  });

  it.each(values.map(([heading, count], at) => ({ heading, count, code: blocks[at].code })))(
    'says what its lines do: $heading',
    async ({ count, code }) => {
      const folder = await project(packagesOf(code));
      writeFileSync(path.join(folder, 'block.mjs'), check + withChecks(code));
      const ended = await startIn(folder, ['block.mjs']).ended;
      expect(ended, ended.stderr).toMatchObject({ code: 0, stdout: `checks ${count}\n` });
    },
  );

  it('leads to headings that are there, here and in the page about the cache', () => {
    expect(deadLinks(text)).toEqual([]);
    const cache = readFileSync(path.join(root, 'docs/cache.md'), 'utf8');
    const links = [...text.matchAll(/\]\(cache\.md(#[^)]*)\)/g)].map(([, anchor]) => `[a](${anchor})`);
    expect(deadLinks(cache + links.join('\n'))).toEqual([]);
  });

  it('lists every adapter that the package has', () => {
    const { exports } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
    const others = ['.', './core', './server', './cache', './express', './register', './package.json'];
    const adapters = Object.keys(exports).filter((entry) => !others.includes(entry));
    const listed = [...text.matchAll(/^\| .* \| `(flotilla\/[\w.-]+)` \| .* \|$/gm)].map(
      ([, entry]) => entry,
    );
    expect(listed.sort()).toEqual(adapters.map((entry) => entry.replace('.', 'flotilla')).sort());
  });
});
