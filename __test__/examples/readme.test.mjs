import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { emptyFolder, root } from '../fixtures/folders.mjs';
import { freePort } from '../fixtures/ports.mjs';
import { start } from '../fixtures/processes.mjs';

const readme = readFileSync(path.join(root, 'README.md'), 'utf8');

/**
 * A program as it is pasted, where npm has installed what it imports.
 *
 * @param {string} name
 * @param {string} code
 * @param {Record<string, string | number>} ports that other tests may have, and what stands in their place
 */
function pasted(name, code, ports) {
  const folder = emptyFolder();
  mkdirSync(path.join(folder, 'node_modules'));
  const imported = [...code.matchAll(/^import .* from '([\w-]+)(?:\/[\w-]+)?';$/gm)].map(([, each]) => each);
  for (const each of new Set([...imported, 'express'])) {
    const target = each === 'flotilla' ? root : path.join(root, 'node_modules', each);
    symlinkSync(target, path.join(folder, 'node_modules', each));
  }
  const program = Object.entries(ports).reduce((text, [port, other]) => text.replace(port, `${other}`), code);
  writeFileSync(path.join(folder, name), program);
  return start(process.execPath, [name], { cwd: folder });
}

/** The programs of the README that say under which name to keep them. */
const programs = [...readme.matchAll(/```js\n(\/\/ (\S+): start it[\s\S]*?)```/g)].map(([, code, name]) => ({
  code,
  name,
}));
const anyPort = { 3000: 0, 9464: 0 };
const addressIn = (url) => `http://${url.replace('0.0.0.0', '127.0.0.1')}`;

describe('the first program of the README', () => {
  it('runs as it is pasted, on every core, with one counter for all processes', async () => {
    const [{ name, code }] = programs;
    expect(readme).toContain(`\`\`\`sh\nnpm install flotilla express\n\`\`\`\n\n\`\`\`js\n${code}`);
    expect(code.trim().split('\n').length).toBeLessThanOrEqual(12);
    const { prints } = pasted(name, code, anyPort);
    const [, workers, url] = await prints(/(\d+) workers serve ([\d.]+:\d+)/);
    expect(Number(workers)).toBe(availableParallelism());
    const address = addressIn(url);
    const pids = new Set();
    let last = 0;
    await expect
      .poll(
        async () => {
          const text = await (await fetch(address, { headers: { connection: 'close' } })).text();
          const [, count, pid] = /^Visit (\d+), answered by process (\d+)\n$/.exec(text) ?? [];
          expect(Number(count)).toBe(++last);
          pids.add(pid);
          return pids.size;
        },
        { timeout: 15_000 },
      )
      .toBe(availableParallelism());
    const [, dashboard] = await prints(/dashboard are at (http:\S+)/);
    expect(await (await fetch(dashboard)).text()).toContain('<title>Flotilla</title>');
  });

  it('has a second, which shares sessions and a rate limit among all processes', async () => {
    const [, { name, code }] = programs;
    const { prints } = pasted(name, code, anyPort);
    const [, url] = await prints(/\d+ workers serve ([\d.]+:\d+)/);
    const pids = new Set();
    let [headers, visits] = [{}, 0];
    const visit = async () => {
      const response = await fetch(addressIn(url), { headers: { ...headers, connection: 'close' } });
      const [, count, pid] =
        /^Your visit (\d+), answered by process (\d+)\n$/.exec(await response.text()) ?? [];
      const left = Number(response.headers.get('x-ratelimit-remaining'));
      expect([Number(count), left]).toEqual([++visits, 100 - visits]);
      if (visits === 1) headers = { cookie: String(response.headers.get('set-cookie')).split(';')[0] };
      pids.add(pid);
      return pids.size;
    };
    // Fewer visits than the limit allows.
    await expect.poll(visit, { interval: 200, timeout: 15_000 }).toBe(availableParallelism());
  });

  it('and the pages that it links are there', () => {
    const links = [...readme.matchAll(/\]\(([^)#:]+)(#[^)]*)?\)/g)].map(([, file]) => String(file));
    expect(links.length).toBeGreaterThan(15);
    for (const file of links) expect(readFileSync(path.join(root, file)).length, file).toBeGreaterThan(0);
  });
});

describe('the first program of', () => {
  const firstOf = (page) =>
    /```js\n([\s\S]*?)```/.exec(readFileSync(path.join(root, 'docs', page), 'utf8'))?.[1] ?? '';

  it.each([
    ['balancer.md', '/', /^Hello from \d+/],
    ['frameworks.md', '/', /^Hello from \d+/],
    ['observability.md', '/', /^Hello from \d+/],
    ['scopes.md', '/?name=Ada', /^Hello Ada$/],
    ['errors.md', '/', /^hello$/],
  ])('docs/%s answers as it is pasted', async (page, target, answer) => {
    const port = await freePort();
    const code = firstOf(page).replace('process.env.PORT', `${port}`);
    const { ended } = pasted('server.mjs', code, { 3000: port, 9464: 0 });
    const ask = async () => (await fetch(`http://127.0.0.1:${port}${target}`)).text();
    const early = ended.then(({ stderr }) => stderr);
    await expect.poll(() => Promise.race([ask().catch(String), early]), { timeout: 15_000 }).toMatch(answer);
  });

  it('docs/lifecycle.md starts, restarts and stops as it is pasted', async () => {
    const port = await freePort();
    const { code, stderr } = await pasted('server.mjs', firstOf('lifecycle.md'), { 3000: port }).ended;
    expect([code, stderr]).toEqual([0, '']);
  });
});
