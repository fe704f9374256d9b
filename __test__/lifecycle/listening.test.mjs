// Applications that can only listen: connections are carried to a port of their own.

import http from 'node:http';
import net from 'node:net';
import { describe, expect, it } from 'vitest';
import { gate, keptConnection, lifecycleServer, request, startedServer } from '../fixtures/lifecycle.mjs';

/** What ultimate-express is to a server: it has `listen`, `address` and `close`, and no sockets of Node's. */
function listener(answer, { tells = true } = {}) {
  const http1 = http.createServer(answer);
  const inner = net.createServer((socket) => http1.emit('connection', socket));
  const sockets = new Set();
  inner.on('connection', (socket) => sockets.add(socket));
  const app = {
    inner,
    listen(port, host, callback) {
      inner.listen(port, host, () => callback());
      return app;
    },
    close() {
      inner.close();
      for (const socket of sockets) socket.destroy();
    },
  };
  return tells ? { ...app, address: () => inner.address() } : app;
}

const hello = (context) => (incoming, response) =>
  response.end(`${incoming.url} of generation ${context.generation}`);

describe('an application with a listen of its own', () => {
  it('has its server caught: it is given connections, and listens on no port', async () => {
    const inner = http.createServer((incoming, response) => {
      const { remotePort, localPort } = incoming.socket;
      response.end(JSON.stringify({ remotePort, localPort, ...inner.address() }));
    });
    const listened = [];
    inner.on('listening', () => listened.push(inner.listening));
    const app = () => ({ listen: (...args) => inner.listen(...args) });
    const { server, url } = await startedServer(app);
    const { text } = await request(url(), { agent: false });
    const { remotePort, localPort, port } = JSON.parse(text);
    expect([localPort, port, remotePort > 0]).toEqual([server.getPort(), server.getPort(), true]);
    expect(listened).toEqual([true]);
    await server.stop();
    expect(inner.listening).toBe(false);
  });
});

describe('an application that can only listen', () => {
  it.each([
    ['and tells its port', true],
    ['and does not tell its port', false],
  ])('%s is served, restarted and stopped', async (_what, tells) => {
    const made = [];
    const app = (context) => {
      made.push(listener(hello(context), { tells }));
      return made.at(-1);
    };
    const { server, url } = await startedServer(app);
    const ask = async (options) => (await request(url('/path'), { agent: false, ...options })).text;
    expect(await ask()).toBe('/path of generation 1');
    await request(url(), { agent: keptConnection() });
    await server.restart();
    expect([await ask(), made.map(({ inner }) => inner.listening)]).toEqual([
      '/path of generation 2',
      [false, true],
    ]);
    await server.stop();
    expect(made[1].inner.listening).toBe(false);
  });

  it('is given time to answer what is under way, and to finish with bodies of any size', async () => {
    const [arrived, released] = [gate(), gate()];
    const app = () =>
      listener(async (incoming, response) => {
        let length = 0;
        for await (const chunk of incoming) length += chunk.length;
        arrived.open();
        await released.opened;
        response.end(Buffer.alloc(length, 'x'));
      });
    const { server, url, logged } = await startedServer(app);
    const size = 3 << 20;
    const answer = request(url(), { agent: keptConnection(), body: Buffer.alloc(size, 'y') });
    await arrived.opened;
    const stopped = server.stop();
    released.open();
    expect((await answer).text.length).toBe(size);
    await stopped;
    expect(logged).toEqual([]);
  });

  it('has what it does not answer in time cut, which the stop tells', async () => {
    const arrived = gate();
    const { server, url, logged } = await startedServer(() => listener(() => arrived.open()), {
      gracefulShutdownTimeoutMs: 700,
    });
    const cut = request(url(), { agent: keptConnection() }).catch(({ code }) => code);
    await arrived.opened;
    await server.stop();
    expect(await cut).toBe('ECONNRESET');
    expect(String(logged)).toMatch(/Gave up after 700 ms: no answer yet to what came over 1 connection/);
  });

  it.each([
    ['calls back with an error', (callback) => callback(new Error('no such device'))],
    [
      'throws',
      () => {
        throw new Error('no such device');
      },
    ],
    ['emits an error', () => net.createServer().listen(0, '192.0.2.1')],
  ])('that %s fails the start', async (_what, fault) => {
    const { server } = lifecycleServer(() => ({ listen: (_port, _host, callback) => fault(callback) }));
    await expect(server.start()).rejects.toMatchObject({ code: 'FLOTILLA_ERR_APP_FAILED' });
  });
});
