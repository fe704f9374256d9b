// A real application of Next, built, on two workers that share both of its caches. `npm run test:apps` runs it: the build takes a
// minute, and its packages 340 MB.

import { cpSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { copyPackage } from '../../scripts/copy-package.mjs';
import { installPeers } from '../../scripts/peers.mjs';
import { builtAddon, root } from '../fixtures/folders.mjs';
import { start } from '../fixtures/processes.mjs';

const env = {
  ...process.env,
  FLOTILLA_ADDON: builtAddon,
  NEXT_TELEMETRY_DISABLED: '1',
  NODE_ENV: 'production',
};

describe.runIf(process.env.FLOTILLA_TEST_APPS)('a Next application on two workers', () => {
  const kills = [];
  let running;
  let ports;
  /** What was printed that often. */
  const portsOf = (times) =>
    running.prints({
      exec: (text) => {
        const found = [...text.matchAll(/ports ([\d ]+)\./g)][times - 1];
        return found ? [found, found[1].split(' ')] : null;
      },
    });
  beforeAll(async () => {
    const folder = await installPeers('next-app');
    cpSync(path.join(root, '__test__/fixtures/next-app'), folder, { recursive: true });
    rmSync(path.join(folder, 'node_modules/flotilla'), { recursive: true, force: true });
    copyPackage(folder);
    const whenDone = (kill) => kills.push(kill);
    const build = ['node_modules/next/dist/bin/next', 'build'];
    const built = await start(process.execPath, build, { cwd: folder, env, whenDone }).ended;
    expect(built, built.stdout + built.stderr).toMatchObject({ code: 0 });
    running = start(process.execPath, ['server.mjs', '2'], { cwd: folder, env, whenDone });
    [, ports] = await portsOf(1);
  }, 600_000);
  afterAll(() => {
    for (const kill of kills) kill();
  });

  /** What a page says, from a worker. */
  async function said(worker, address) {
    const response = await fetch(`http://127.0.0.1:${ports[worker]}${address}`);
    expect(response.status).toBe(200);
    const text = await response.text();
    return /<p>(.*?)<\/p>/.exec(text)?.[1] ?? text;
  }
  const both = async (address) => [await said(0, address), await said(1, address)];

  it('serves in both what one of them, or the build, has rendered', async () => {
    for (const address of ['/isr/built', '/isr/one']) {
      const [first, second] = await both(address);
      expect(second).toBe(first);
    }
  });

  it('shares what `use cache` brought', async () => {
    const [first, second] = await both('/cached');
    const data = (text) => text.split(',')[0];
    expect(data(second)).toBe(data(first));
    expect(second).not.toBe(first);
  });

  it('revalidates a tag and a path for both, whichever was told', async () => {
    const [before] = await both('/isr/one');
    const [cached] = await both('/cached');
    await said(1, '/revalidate?tag=number');
    const [after, there] = await both('/isr/one');
    expect(after).not.toBe(before);
    expect(there).toBe(after);
    await said(0, '/revalidate?tag=data');
    const anew = await said(1, '/cached');
    expect(anew.split(',')[0]).not.toBe(cached.split(',')[0]);
    await said(1, '/revalidate?path=/isr/one');
    expect(await said(0, '/isr/one')).not.toBe(after);
  });

  it('serves what is stale while one of them renews it', async () => {
    const data = async (worker) => (await said(worker, '/cached')).split(',')[0];
    const before = await data(0);
    await said(1, '/revalidate?tag=data&stale');
    expect(await data(0)).toBe(before);
    await vi.waitUntil(async () => (await data(1)) !== before, { timeout: 20_000, interval: 100 });
    expect(await data(0)).toBe(await data(1));
  });

  it('keeps what was rendered, brought and revalidated when its workers are replaced one after the other', async () => {
    const data = (text) => text.split(',')[0];
    const built = await said(0, '/isr/built');
    await said(0, '/isr/one');
    await said(1, '/revalidate?path=/isr/one');
    const one = await said(0, '/isr/one');
    const cached = data(await said(0, '/cached'));
    await said(0, '/revalidate?path=/isr/built');
    running.child.kill('SIGUSR2');
    const before = ports;
    [, ports] = await portsOf(2);
    expect(ports.every((port) => !before.includes(port))).toBe(true);
    expect(await both('/isr/one')).toEqual([one, one]);
    expect((await both('/cached')).map(data)).toEqual([cached, cached]);
    // What the build had rendered was revalidated before: its file is as old as ever.
    const [anew, there] = await both('/isr/built');
    expect(anew).not.toBe(built);
    expect(there).toBe(anew);
  });
});
