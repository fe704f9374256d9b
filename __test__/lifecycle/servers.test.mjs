// Several servers over one context: all of them or none.

import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createContext, createServers } from 'flotilla';
import { describe, expect, it, onTestFinished } from 'vitest';
import { local, request } from '../fixtures/lifecycle.mjs';

/** Three servers over a context whose resource writes down what happens to it. */
function three(options = {}) {
  const log = [];
  const db = {
    open: ({ generation }) => {
      log.push(`open ${generation}`);
      return `db ${generation}`;
    },
    close: (which) => log.push(`close ${which}`),
  };
  const context = createContext({ port: 0, resources: { db } });
  const app = (name) => (of) => {
    if (options.faulty?.(name, of)) throw new Error('no such module');
    return (_request, response) => response.end(`${name} of ${of.db}`);
  };
  const each = (name) => ({ ...local, port: 0, app: app(name), ...options[name] });
  const servers = createServers(context, {
    api: each('api'),
    admin: each('admin'),
    metrics: each('metrics'),
  });
  onTestFinished(() => servers.stop());
  const ask = (name) => request(`http://127.0.0.1:${servers[name].getPort()}/`, { agent: false });
  const askAll = async () =>
    Promise.all(['api', 'admin', 'metrics'].map(async (name) => (await ask(name)).text));
  return { servers, log, ask, askAll };
}

describe('createServers', () => {
  it('starts all over one context, each on a port of its own and by its name', async () => {
    const { servers, log, askAll } = three();
    await servers.start();
    await servers.waitForReady();
    expect(await askAll()).toEqual(['api of db 1', 'admin of db 1', 'metrics of db 1']);
    const ports = [servers.api, servers.admin, servers.metrics].map((server) => server.getPort());
    expect([new Set(ports).size, log]).toEqual([3, ['open 1']]);
    await expect(servers.start()).rejects.toThrow('Server already started');
  });

  it('starts none where one cannot, and can then be tried again', async () => {
    const other = createHttpServer().listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await once(other, 'listening');
    const { port } = other.address();
    const { servers, log, askAll } = three({ admin: { port } });
    await expect(servers.start()).rejects.toMatchObject({ code: 'FLOTILLA_ERR_ADDRESS_IN_USE' });
    expect([servers.api.state, servers.admin.state, servers.metrics.state]).toEqual(Array(3).fill('stopped'));
    expect(log).toEqual(['open 1', 'close db 1']);
    other.close();
    await once(other, 'close');
    await servers.start();
    const generation = log.at(-1).slice('open '.length);
    expect(await askAll()).toEqual(['api', 'admin', 'metrics'].map((name) => `${name} of db ${generation}`));
  });

  it('restarts all over one fresh context, on the same ports', async () => {
    const { servers, log, askAll } = three();
    await servers.start();
    const ports = ['api', 'admin', 'metrics'].map((name) => servers[name].getPort());
    await servers.restart();
    expect(await askAll()).toEqual(['api of db 2', 'admin of db 2', 'metrics of db 2']);
    expect(['api', 'admin', 'metrics'].map((name) => servers[name].getPort())).toEqual(ports);
    expect(log).toEqual(['open 1', 'open 2', 'close db 1']);
  });

  it('restarts none where one cannot', async () => {
    const { servers, log, askAll } = three({
      faulty: (name, of) => name === 'metrics' && of.generation === 2,
    });
    await servers.start();
    await expect(servers.restart()).rejects.toMatchObject({ code: 'FLOTILLA_ERR_APP_FAILED' });
    expect(await askAll()).toEqual(['api of db 1', 'admin of db 1', 'metrics of db 1']);
    expect(log).toEqual(['open 1', 'open 2', 'close db 2']);
    expect(servers.metrics.state).toBe('ready');
  });

  it('stops all, and closes the context once', async () => {
    const { servers, log } = three();
    await servers.start();
    await Promise.all([servers.stop(), servers.stop()]);
    expect(log).toEqual(['open 1', 'close db 1']);
    expect(servers.api.state).toBe('stopped');
  });

  it('drains all', async () => {
    const { servers, ask } = three();
    await servers.start();
    await servers.drain();
    const answers = await Promise.all(['api', 'admin', 'metrics'].map(ask));
    expect(answers.map(({ status }) => status)).toEqual([503, 503, 503]);
  });

  it('lets one be restarted and stopped by itself, and keeps the context for the others', async () => {
    const { servers, log, ask } = three();
    await servers.start();
    await servers.api.restart();
    expect([(await ask('api')).text, (await ask('admin')).text]).toEqual(['api of db 2', 'admin of db 1']);
    await servers.admin.stop();
    expect([servers.admin.state, servers.metrics.state, (await ask('metrics')).text]).toEqual([
      'stopped',
      'ready',
      'metrics of db 1',
    ]);
    await servers.restart();
    expect((await ask('metrics')).text).toBe('metrics of db 3');
    await servers.stop();
    expect(log.filter((line) => line.startsWith('open')).length).toBe(3);
    expect(log.filter((line) => line.startsWith('close')).sort()).toEqual([
      'close db 1',
      'close db 2',
      'close db 3',
    ]);
  });

  it.each(['start', 'stop', 'restart', 'drain', 'waitForReady', 'then'])('refuses the name %s', (name) => {
    const context = createContext({ port: 0 });
    expect(() => createServers(context, { [name]: { app: () => () => {} } })).toThrow(
      expect.objectContaining({ code: 'FLOTILLA_ERR_INVALID_ARGUMENT' }),
    );
  });

  it('refuses no servers at all', () => {
    expect(() => createServers(createContext({ port: 0 }), {})).toThrow('must be an object with a server');
  });
});
