// Proxy mode as a user has it: `startServer`, its processes, and applications that only listen.

import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { installUltimateExpress, ultimateFolder } from '../../scripts/ultimate-express.mjs';
import { root } from '../fixtures/folders.mjs';
import { start } from '../fixtures/processes.mjs';

/** Starts a program of the fixtures that serves, and gives its port. */
async function serve(file, ...args) {
  const server = start(process.execPath, [path.join(root, '__test__/fixtures', file), ...args]);
  const [, port] = await server.prints(/^port (\d+)$/m);
  return { ...server, port: Number(port) };
}

describe.skipIf(process.platform !== 'linux')('startServer in proxy mode', () => {
  it('tells workers the client’s own address by the PROXY protocol', async () => {
    const { port } = await serve('proxy-mode.cjs', JSON.stringify({ mode: 'proxy', proxyProtocol: 'v1' }));
    const pids = new Set();
    // It resolves with the first worker that is ready; the other comes soon.
    while (pids.size < 2) {
      const client = net.connect(port, '127.0.0.1').setEncoding('utf8');
      client.write('anything');
      const [answer] = await once(client, 'data');
      const [pid, address, told, seen] = answer.split(' ');
      expect([address, Number(told)]).toEqual(['127.0.0.1', client.localPort]);
      expect(Number(seen)).not.toBe(client.localPort);
      pids.add(pid);
      client.destroy();
    }
  });

  describe('with ultimate-express', () => {
    /** @type {string | undefined} */
    let reason;
    beforeAll(() => {
      reason = installUltimateExpress();
    }, 120_000);

    it('serves it on two processes, and ends well', async (context) => {
      if (reason) return context.skip(reason);
      const file = 'ultimate-express/server.cjs';
      const { port, child, ended } = await serve(file, ultimateFolder, JSON.stringify({ mode: 'proxy' }));
      const pids = new Set();
      while (pids.size < 2) {
        const response = await fetch(`http://127.0.0.1:${port}/pid`, { headers: { connection: 'close' } });
        pids.add(await response.text());
      }
      child.kill('SIGTERM');
      const { code, signal, stdout } = await ended;
      expect([code, signal]).toEqual([0, null]);
      expect(stdout).toContain('stopped; connections ended with the application');
    });
  });
});
