// Proxy mode as a user has it: `startServer`, its processes, and applications that only listen.

import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { installUltimateExpress, ultimateFolder } from '../../scripts/ultimate-express.mjs';
import { ask, fronts, keepAlive, serving } from '../fixtures/balanced-server.mjs';
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
      expect(stdout).toContain('stopped; all that was under way was answered');
    });

    it('answers what is under way before it ends', async (context) => {
      if (reason) return context.skip(reason);
      const { port, child, prints, ended } = await serve('ultimate-express/server.cjs', ultimateFolder, '{}');
      const slow = fetch(`http://127.0.0.1:${port}/slow`);
      await prints(/^slow$/m);
      child.kill('SIGTERM');
      expect(await (await slow).text()).toBe('late');
      expect((await ended).code).toBe(0);
    });
  });
});

const forwarding = fronts.filter(([, { mode }]) => mode !== 'handoff').map(([name, , env]) => [name, env]);

describe.each(forwarding)('an application whose sockets are not Node’s, by %s', (_name, env) => {
  const serve = (options) => serving({ app: 'native', ...options }, env);

  it('answers what is under way before it ends, and connections end as they fall quiet', async () => {
    const { url, child, prints, printsTimes, ended } = await serve();
    await prints(/connections are forwarded/);
    await printsTimes('worker \\d+: result', 2);
    const idle = keepAlive();
    await ask(url, { agent: idle });
    const slow = ask(`${url}/slow`, { agent: keepAlive() });
    await prints(/: slow/);
    child.kill('SIGTERM');
    expect(await slow).toMatchObject({ status: 200, kind: 'native' });
    const { code, stdout } = await ended;
    expect([code, stdout.match(/error .*/g)]).toEqual([0, null]);
    expect(stdout).toMatch(/stopped; all that was under way was answered/);
  });

  it('is restarted with what is under way answered', async () => {
    const { url, order, printsTimes } = await serve();
    await printsTimes('worker \\d+: result', 2);
    let isDone = false;
    const restarted = order('SIGHUP', 'restart').finally(() => {
      isDone = true;
    });
    // One is under way whenever the old workers are told to end.
    while (!isDone) expect(await ask(`${url}/slow`)).toMatchObject({ status: 200, kind: 'native' });
    expect(await restarted).toMatch('done restart');
  });

  it('exits with 1 where something was cut, and says how much', async () => {
    const { url, child, prints, printsTimes, ended } = await serve({ gracefulShutdownTimeoutMs: 800 });
    await printsTimes('worker \\d+: result', 2);
    const cut = ask(`${url}/never`).catch(({ code }) => code);
    await prints(/: never/);
    child.kill('SIGTERM');
    expect(await cut).toBe('ECONNRESET');
    const { code, stdout } = await ended;
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /error FLOTILLA_ERR_SHUTDOWN_TIMEOUT: Gave up after 800 ms: 1 connection of worker-\d not quiet yet/,
    );
    expect(stdout).toMatch(/stopped; what did not end in time was cut/);
  });
});
