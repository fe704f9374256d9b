import { describe, expect, it } from 'vitest';
import { root } from '../fixtures/folders.mjs';
import { start } from '../fixtures/processes.mjs';

describe('the example of the lifecycle', () => {
  it('serves, restarts under a request, and stops', async () => {
    const { prints, ended } = start(process.execPath, ['examples/lifecycle.mjs'], {
      cwd: root,
      env: { ...process.env, NODE_ENV: 'test' },
    });
    const [, pid, url] = await prints(/process (\d+) serves on (http:\S+)/);
    const visit = async () => (await fetch(url)).text();
    expect(await visit()).toBe(`Visit 1 of generation 1, in process ${pid}.\n`);
    expect(await (await fetch(`${url}/health`)).json()).toMatchObject({
      status: 'healthy',
      checks: { store: true, memory: true },
    });
    const during = visit();
    process.kill(Number(pid), 'SIGUSR2');
    expect(await during).toMatch(/of generation [12],/);
    await prints(/store 1 closed after \d visits\nflotilla: generation 2 serves\nrestarted\n/);
    expect(await visit()).toContain('of generation 2');
    process.kill(Number(pid), 'SIGTERM');
    const { code, stdout, stderr } = await ended;
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/store 2 closed after \d visits?\nflotilla: stopped; .*\n$/);
  });
});
