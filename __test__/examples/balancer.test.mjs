import { describe, expect, it, vi } from 'vitest';
import { ask, keepAlive } from '../fixtures/balanced-server.mjs';
import { root } from '../fixtures/folders.mjs';
import { start } from '../fixtures/processes.mjs';

const env = { ...process.env, PORT: '0', HOST: '127.0.0.1', BASE_WORKER_PORT: '0' };
const run = (example) => start(process.execPath, [`examples/${example}.mjs`], { cwd: root, env });

describe('the examples of the balancer', () => {
  it('serve on every core, restart and stop', async () => {
    const { prints, child, ended } = run('cores');
    const [, url] = await prints(/serves on (http:\S+)/);
    const workers = async () => new Set([(await ask(url)).text, (await ask(url)).text]);
    await vi.waitFor(async () => expect((await workers()).size).toBe(2), 10_000);
    const before = await workers();
    const agent = keepAlive();
    await ask(url, { agent });
    child.kill('SIGUSR2');
    await vi.waitFor(async () => expect(before).not.toContain((await ask(url, { agent })).text), 10_000);
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 0, stderr: '' });
  });

  it('bring the same visitor to the same worker', async () => {
    const { prints } = run('sticky');
    const [, url] = await prints(/serves on (http:\S+)/);
    const visit = async (visitor) => (await ask(url, { headers: { 'x-visitor': visitor } })).text;
    // From when both workers are there, the places stay.
    await vi.waitFor(async () => {
      const all = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map(visit));
      expect(new Set(all.map((text) => text.split('process ')[1])).size).toBe(2);
    }, 10_000);
    const texts = [];
    for (let times = 0; times < 3; times++) texts.push(await visit('ann'));
    const [, first, pid] = /^Visit (\d+) of ann, in process (\d+)/.exec(texts[0]);
    expect(texts).toEqual(
      [0, 1, 2].map((more) => `Visit ${Number(first) + more} of ann, in process ${pid}.\n`),
    );
  });
});
