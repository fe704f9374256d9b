// What `flotilla inspect` says of a cache that a process keeps locked.
import { createRequire } from 'node:module';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { get, started } from '../fixtures/commanded.mjs';
import { root } from '../fixtures/folders.mjs';

const { ask } = createRequire(import.meta.url)('../../lib/command/control/client.js');

/** A value of many bytes is written with the lock, so that a worker that writes all the time has it most of the time. */
const writer = `
  const { LRUCacheClustered } = require(${JSON.stringify(root)});
  const cache = new LRUCacheClustered({ namespace: 'written', max: 10 });
  const large = Buffer.alloc(8 * 2 ** 20);
  require('node:http').createServer((request, response) => {
    response.end('begins');
    setImmediate(() => { for (;;) cache.sync.set('large', large); });
  }).listen(process.env.PORT);`;

describe.skipIf(process.platform !== 'linux')('flotilla inspect', () => {
  it('names the process that keeps a lock, finds nothing wrong in that, and waits for nothing', async () => {
    const app = await started({ 'app.js': writer }, { args: ['-w', '1'] });
    const socket = path.join(app.folder, '.flotilla/app.sock');
    const [{ pid }] = (await ask(socket, 'status')).workers;
    expect(await get(app.port)).toBe('begins');
    // A signal stops a process anywhere: also between two times that it has the lock.
    for (let isHeld = false; !isHeld; ) {
      process.kill(pid, 'SIGCONT');
      await new Promise(setImmediate);
      process.kill(pid, 'SIGSTOP');
      isHeld = (await ask(socket, 'inspect')).segment.unknown !== null;
    }
    const inspected = await app.call('inspect');
    expect(inspected.stdout).toMatch(new RegExp(`^lock of written: process ${pid} `, 'm'));
    expect(inspected.stdout).toMatch(new RegExp(`^not looked over: process ${pid} `, 'm'));
    expect([inspected.code, inspected.stderr]).toEqual([0, '']);
  }, 30_000);
});
