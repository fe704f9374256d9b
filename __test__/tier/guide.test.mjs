// The block of docs/fleet.md, run as it is written there, and the example of two machines, as its README has it.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { blocksOf, deadLinks, withChecks } from '../fixtures/blocks.mjs';
import { root } from '../fixtures/folders.mjs';
import { freePort } from '../fixtures/ports.mjs';
import { start } from '../fixtures/processes.mjs';
import { startMachine, startRedis, until } from '../fixtures/tier.mjs';

const text = readFileSync(path.join(root, 'docs/fleet.md'), 'utf8');

it('has links that lead somewhere', () => expect(deadLinks(text)).toEqual([]));

it('has a block that does what it says', async () => {
  const redis = await startRedis();
  const [{ code }] = blocksOf(text);
  const checks = `import { strict as assert } from 'node:assert';
    const $check = async (actual, expected) => { assert.deepEqual(await actual, expected); console.log('checked'); };\n`;
  const program = start(process.execPath, ['--input-type=module', '-e', checks + withChecks(code)], {
    cwd: root,
    env: { ...process.env, REDIS_URL: `redis://127.0.0.1:${redis.port}` },
  });
  expect(await program.ended).toMatchObject({ code: 0, stdout: 'checked\n'.repeat(3), stderr: '' });
});

it('has rights that are enough for all that a cache does, and for its keeper', async () => {
  const [, rights] = /```acl\n(.*)\n```/.exec(text) ?? [];
  const redis = await startRedis({
    args: [`--user default on nopass resetkeys resetchannels -@all ${rights}`],
  });
  const { run } = startMachine({ port: redis.port, kind: 'ioredis', tier: { prefix: 'shop:' } });
  const did = await run(`
    await cache.mSet([['a', 1, { tags: ['red'] }], ['b', 2]]);
    const seen = [await cache.get('a'), await cache.setIfAbsent('a', 2), await cache.incr('n', 2, { ttl: 5000 }), await cache.touch('n', { ttl: 0 }), await cache.take('b'),
      await cache.update('u', () => 3), await cache.fetch('f', () => 4, { tags: () => ['red'] }), await cache.fetch('f', () => 5, { forceRefresh: true }), (await cache.getRemainingTTL('f')) > 0];
    await cache.invalidateTags(['red']);
    seen.push(await cache.has('a'));
    await cache.clear();
    await cache.healthCheck();
    return [...seen, await cache.has('f'), cache.tierStats().isTrusted]`);
  expect(did).toEqual([1, false, 2, true, 2, 3, 4, 5, true, false, false, true]);
  await until(
    () => run('return cache.tierStats().invalidations'),
    (heard) => heard > 0,
  );
});

it('has an example whose machines do what its README says', async () => {
  const redis = await startRedis();
  const ports = [await freePort(), await freePort()];
  for (const port of ports) {
    const env = {
      ...process.env,
      WORKERS: '2',
      PORT: String(port),
      REDIS_URL: `redis://127.0.0.1:${redis.port}`,
    };
    await start(process.execPath, ['examples/fleet/server.mjs'], { cwd: root, env }).prints(/2 workers on/);
  }
  const readme = readFileSync(path.join(root, 'examples/README.md'), 'utf8');
  const [, lines] = /examples\/fleet\/server\.mjs\n```\n\n```sh\n(curl.*?)```/s.exec(readme) ?? [];
  const steps = [...lines.matchAll(/^(curl.*)\n# (.*)$/gm)];
  expect(steps).toHaveLength(5);
  const here = (/** @type {string} */ said) =>
    said.replaceAll('3000', String(ports[0])).replaceAll('3001', String(ports[1]));
  for (const [, command, printed] of steps) {
    const { stdout } = await start('sh', ['-c', here(command).replace('curl', 'curl -s')]).ended;
    expect(stdout.trim(), command).toBe(here(printed));
  }
});
