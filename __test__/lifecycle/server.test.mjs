// One server in this process: starting, stopping, and calls that come at the wrong time or all at once.

import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { createContext, createServer } from 'flotilla';
import { describe, expect, it, onTestFinished } from 'vitest';
import { certificate, until } from '../fixtures/clustered.mjs';
import { gate, lifecycleServer, local, request, startedServer } from '../fixtures/lifecycle.mjs';

const hello = (context) => (_request, response) => response.end(`hello from ${context.generation}`);

describe('start', () => {
  it('resolves when requests are answered, on the port that getPort tells', async () => {
    const { server, told, url } = lifecycleServer(hello);
    expect([server.state, server.getPort()]).toEqual(['stopped', 0]);
    const started = server.start();
    await started;
    expect([server.state, server.getPort() > 0, told]).toEqual(['ready', true, ['ready']]);
    expect(await request(url())).toMatchObject({ status: 200, text: 'hello from 1' });
  });

  it.each([false, true])(
    'lets in as many connections as maxConnections of its application says',
    async (secure) => {
      const dropped = [];
      const { server } = await startedServer(() => {
        const made = secure ? https.createServer(certificate(), hello({})) : http.createServer(hello({}));
        made.maxConnections = 2;
        return made.on('drop', ({ remotePort }) => dropped.push(remotePort));
      });
      const options = { port: server.getPort(), host: '127.0.0.1' };
      const open = async () => {
        const socket = secure ? tls.connect({ ...options, rejectUnauthorized: false }) : net.connect(options);
        onTestFinished(() => void socket.destroy());
        await once(socket, secure ? 'secureConnect' : 'connect');
        return socket;
      };
      const kept = [await open(), await open()];
      const refused = net.connect(options);
      await once(refused, 'close');
      expect(dropped).toHaveLength(1);
      kept[0].destroy();
      await until(() => server.state === 'ready' && kept[0].destroyed);
      // As soon as the server has heard of that, another is let in.
      await until(async () => (await open().catch(() => undefined)) !== undefined);
    },
  );

  it('is refused on a started server', async () => {
    const { server } = await startedServer(hello);
    await expect(server.start()).rejects.toMatchObject({
      message: 'Server already started',
      code: 'FLOTILLA_ERR_SERVER_STARTED',
    });
    expect(server.state).toBe('ready');
  });

  it('called twice at once starts once', async () => {
    const { server, told } = lifecycleServer(hello);
    const [first, second] = await Promise.allSettled([server.start(), server.start()]);
    expect([first.status, second.reason?.message, told]).toEqual([
      'fulfilled',
      'Server already started',
      ['ready'],
    ]);
  });

  it('fails on a port that is in use, closes what it opened, and can be tried again', async () => {
    const other = http.createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await once(other, 'listening');
    const { port } = other.address();
    const log = [];
    const db = { open: () => log.push('open'), close: () => log.push('close') };
    const { server } = lifecycleServer(hello, { config: { port, resources: { db } } });
    await expect(server.start()).rejects.toMatchObject({
      code: 'FLOTILLA_ERR_ADDRESS_IN_USE',
      message: expect.stringContaining(`port ${port} of 127.0.0.1`),
      cause: expect.objectContaining({ code: 'EADDRINUSE' }),
    });
    expect([server.state, ...log]).toEqual(['stopped', 'open', 'close']);
    other.close();
    await once(other, 'close');
    await server.start();
    expect([server.getPort(), ...log]).toEqual([port, 'open', 'close', 'open']);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('no template');
      },
      'no template',
    ],
    [
      'rejects',
      async () => {
        throw new Error('no template');
      },
      'no template',
    ],
    ['returns nothing', () => undefined, 'returned nothing that answers requests'],
    ['returns what answers no requests', () => ({ port: 3000 }), 'returned nothing that answers requests'],
    ['returns a server that listens', () => http.createServer().listen(0), 'it listens already'],
  ])('fails where the factory %s, and closes the resources', async (_what, app, reason) => {
    const log = [];
    const db = { open: () => log.push('open'), close: () => log.push('close') };
    const { server } = lifecycleServer(
      async () => {
        const made = await app();
        onTestFinished(() => void made?.close?.());
        return made;
      },
      { config: { resources: { db } } },
    );
    const failure = await server.start().catch((error) => error);
    expect(failure).toMatchObject({ code: 'FLOTILLA_ERR_APP_FAILED' });
    expect(failure.message).toContain(reason);
    expect([server.state, ...log]).toEqual(['stopped', 'open', 'close']);
  });

  it('fails where the checks are not well in time, and names them', async () => {
    const { server, url } = lifecycleServer(hello, {
      config: { health: { disk: () => false, net: () => true } },
      readyTimeoutMs: 150,
    });
    const failure = await server.start().catch((error) => error);
    expect(failure).toMatchObject({
      message: 'Server failed to become ready',
      code: 'FLOTILLA_ERR_SERVER_NOT_READY',
      cause: expect.objectContaining({ message: 'Not well: disk' }),
    });
    expect(server.state).toBe('stopped');
    await expect(request(url())).rejects.toThrow();
  });

  it('waits for checks that get well', async () => {
    let asked = 0;
    const { server } = lifecycleServer(hello, { config: { health: { warm: () => ++asked > 2 } } });
    await server.start();
    expect(asked).toBe(3);
  });
});

describe('stop', () => {
  it('resolves when the port is free, the connections are closed and the resources released', async () => {
    let closed = false;
    const db = {
      open: () => 1,
      close: async () => {
        closed = true;
      },
    };
    const { server, told, url } = await startedServer(hello, { config: { resources: { db } } });
    const address = url();
    await request(address);
    await server.stop();
    expect([server.state, closed, told]).toEqual(['stopped', true, ['ready', 'draining', 'stopped']]);
    await expect(request(address, { agent: false })).rejects.toThrow(
      expect.objectContaining({ code: 'ECONNREFUSED' }),
    );
  });

  it('does nothing on a stopped server, and once what is called twice', async () => {
    const { server, told } = lifecycleServer(hello);
    await server.stop();
    await server.start();
    await Promise.all([server.stop(), server.stop()]);
    await server.stop();
    expect(told).toEqual(['ready', 'draining', 'stopped']);
  });

  it('called during a start has its turn after it', async () => {
    const { server, told } = lifecycleServer(hello);
    await Promise.all([server.start(), server.stop()]);
    expect([server.state, told]).toEqual(['stopped', ['ready', 'draining', 'stopped']]);
  });

  it('gives up, and names the resource, where a start before it never ends', async () => {
    const never = gate();
    onTestFinished(() => never.open());
    const { server } = lifecycleServer(hello, {
      config: { resources: { queue: { open: () => never.opened } } },
      gracefulShutdownTimeoutMs: 25,
      readyTimeoutMs: 50,
    });
    const started = server.start();
    await expect(server.stop()).rejects.toMatchObject({
      code: 'FLOTILLA_ERR_SHUTDOWN_TIMEOUT',
      message: 'Gave up after 100 ms: the resource "queue" has not opened',
    });
    never.open();
    await started;
  });

  it('tells the log what it cut, where nobody listens for errors', async () => {
    const arrived = gate();
    const { server, url, logged } = await startedServer(() => () => arrived.open(), {
      gracefulShutdownTimeoutMs: 50,
    });
    const asked = request(url('/never')).catch(() => {});
    await arrived.opened;
    await server.stop();
    await asked;
    expect(logged).toEqual([
      ['flotilla:', expect.objectContaining({ code: 'FLOTILLA_ERR_SHUTDOWN_TIMEOUT' })],
    ]);
    expect(logged[0][1].message).toMatch('no answer yet to GET /never');
  });

  it('gives up, and names it, where a resource never closes', async () => {
    const never = gate();
    onTestFinished(() => never.open());
    const log = [];
    const { server, url } = await startedServer(hello, {
      config: {
        resources: {
          db: { open: () => 1, close: () => log.push('db') },
          queue: { open: () => 2, close: () => never.opened },
        },
      },
      gracefulShutdownTimeoutMs: 100,
    });
    const address = url();
    await expect(server.stop()).rejects.toMatchObject({
      code: 'FLOTILLA_ERR_SHUTDOWN_TIMEOUT',
      message: 'Gave up after 100 ms: the resource "queue" has not closed',
    });
    expect(server.state).toBe('stopped');
    await expect(request(address)).rejects.toThrow();
  });
});

describe('a server', () => {
  it('goes through its states in order', async () => {
    const states = [];
    const { server } = lifecycleServer((context) => {
      states.push(server.state);
      return hello(context);
    });
    for (const event of ['ready', 'draining', 'stopped', 'restarted']) {
      server.on(event, () => states.push(`${event}: ${server.state}`));
    }
    await server.start();
    await server.restart();
    await server.stop();
    expect(states).toEqual([
      'starting',
      'ready: ready',
      'restarting',
      'restarted: ready',
      'draining: draining',
      'stopped: stopped',
    ]);
  });

  it('survives a listener that throws', async () => {
    const warned = once(process, 'warning');
    const { server } = lifecycleServer(hello);
    server.on('ready', () => {
      throw new Error('mistake');
    });
    await server.start();
    const [warning] = await warned;
    expect([server.state, warning.cause.message]).toEqual(['ready', 'mistake']);
  });

  it('has listeners that can be taken off, and some that are called once', async () => {
    const { server } = lifecycleServer(hello);
    const calls = [];
    const off = () => calls.push('off');
    expect(
      server
        .on('ready', off)
        .off('ready', off)
        .once('ready', () => calls.push('once')),
    ).toBe(server);
    await server.start();
    await server.stop();
    await server.start();
    expect(calls).toEqual(['once']);
  });

  it.runIf(Symbol.asyncDispose)('is stopped at the end of its scope', async () => {
    const { server } = await startedServer(hello);
    await server[Symbol.asyncDispose]();
    expect(server.state).toBe('stopped');
  });

  it('listens on a Unix socket where the host is a path', async () => {
    const { emptyFolder } = await import('../fixtures/folders.mjs');
    const socketPath = `${emptyFolder()}/server.sock`;
    const { server } = lifecycleServer(hello, { host: socketPath });
    await server.start();
    expect(await request('http://localhost/', { socketPath })).toMatchObject({ text: 'hello from 1' });
  });

  it.runIf(process.platform === 'linux')(
    'starts and stops a hundred times in parallel, and nothing stays open',
    async () => {
      const descriptors = () => readdirSync('/proc/self/fd').length;
      const active = () =>
        process.getActiveResourcesInfo().filter((kind) => /TCP|Pipe|Timeout/.test(kind)).length;
      await (await startedServer(hello)).server.stop();
      const [before, activeBefore] = [descriptors(), active()];
      const ports = new Set();
      const lives = Array.from({ length: 100 }, async () => {
        const server = createServer(createContext({ port: 0, app: hello }), local);
        await server.start();
        ports.add(server.getPort());
        const answer = await request(`http://127.0.0.1:${server.getPort()}/`);
        await server.stop();
        return answer.text;
      });
      expect(new Set(await Promise.all(lives))).toEqual(new Set(['hello from 1']));
      expect(ports.size).toBeGreaterThan(1);
      // The clients' own ends close in the turn after the servers'.
      await new Promise(setImmediate);
      expect(descriptors()).toBeLessThanOrEqual(before + 2);
      expect(active()).toBeLessThanOrEqual(activeBefore + 2);
    },
  );
});
