import { describe, expect, it } from 'vitest';
import { root } from '../fixtures/folders.mjs';
import { start } from '../fixtures/processes.mjs';

describe('the example of the cache', () => {
  it('loads a user once for all workers', async () => {
    const { prints } = start(process.execPath, ['examples/cache.mjs'], {
      cwd: root,
      env: { ...process.env, PORT: '0' },
    });
    const [, url] = await prints(/workers on (http:\S+)/);
    const ask = async () => (await fetch(`${url}/users/42`, { headers: { connection: 'close' } })).json();
    const answers = await Promise.all(Array.from({ length: 12 }, ask));
    expect(new Set(answers.map(({ loadedBy }) => loadedBy)).size).toBe(1);
    expect(new Set(answers.map(({ answeredBy }) => answeredBy)).size).toBeGreaterThan(1);
    expect(await (await fetch(`${url}/stats`)).json()).toMatchObject({ namespace: 'users', sets: 1 });
  });
});
