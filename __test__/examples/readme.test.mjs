import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { emptyFolder, root } from '../fixtures/folders.mjs';
import { start } from '../fixtures/processes.mjs';

const readme = readFileSync(path.join(root, 'README.md'), 'utf8');

/** The first program of the README, under the name that it says, where npm has installed what the line before it says. */
function pasted() {
  const [, install, block] = /```sh\nnpm install ([^\n]+)\n```\n\n```js\n([\s\S]*?)```/.exec(readme) ?? [];
  const [, name] = /^\/\/ (\S+):/.exec(block ?? '') ?? [];
  const folder = emptyFolder();
  mkdirSync(path.join(folder, 'node_modules'));
  for (const each of String(install).split(' ')) {
    const target = each === 'flotilla' ? root : path.join(root, 'node_modules', each);
    symlinkSync(target, path.join(folder, 'node_modules', each));
  }
  // Other tests may have these ports.
  const program = String(block).replace('3000', '0').replace('9464', '0');
  writeFileSync(path.join(folder, String(name)), program);
  return { folder, name: String(name), lines: program.trim().split('\n').length };
}

describe('the first program of the README', () => {
  it('runs as it is pasted, on every core, with one counter for all processes', async () => {
    const { folder, name, lines } = pasted();
    expect(lines).toBeLessThanOrEqual(12);
    const { prints } = start(process.execPath, [name], { cwd: folder });
    const [, workers, url] = await prints(/(\d+) workers serve ([\d.]+:\d+)/);
    expect(Number(workers)).toBe(availableParallelism());
    const address = `http://${url.replace('0.0.0.0', '127.0.0.1')}`;
    const pids = new Set();
    let last = 0;
    await expect
      .poll(async () => {
        const text = await (await fetch(address, { headers: { connection: 'close' } })).text();
        const [, count, pid] = /^Visit (\d+), answered by process (\d+)\n$/.exec(text) ?? [];
        expect(Number(count)).toBe(++last);
        pids.add(pid);
        return pids.size;
      })
      .toBe(availableParallelism());
    const [, dashboard] = await prints(/dashboard are at (http:\S+)/);
    expect(await (await fetch(dashboard)).text()).toContain('<title>Flotilla</title>');
  });

  it('and the pages that it links are there', () => {
    const links = [...readme.matchAll(/\]\(([^)#:]+)(#[^)]*)?\)/g)].map(([, file]) => String(file));
    expect(links.length).toBeGreaterThan(15);
    for (const file of links) expect(readFileSync(path.join(root, file)).length, file).toBeGreaterThan(0);
  });
});
