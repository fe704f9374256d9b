// What is told on Node's diagnostics channels, to those who subscribe: requests, moves, restarts, flights.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { createContext, createServer, LRUCacheClustered } from 'flotilla';
import { describe, expect, it, onTestFinished } from 'vitest';
import { root } from '../fixtures/folders.mjs';
import { start } from '../fixtures/processes.mjs';

/** What a channel tells until the test has ended. */
function heard(...names) {
  const messages = [];
  for (const name of names) {
    const listener = (message) => messages.push([name.replace('flotilla:', ''), message]);
    subscribe(name, listener);
    onTestFinished(() => unsubscribe(name, listener));
  }
  return messages;
}

async function served(app) {
  const server = createServer(createContext({ port: 0, host: '127.0.0.1', app }), {
    installSignalHandlers: false,
  });
  await server.start();
  onTestFinished(() => server.stop());
  return server;
}

describe('on the diagnostics channels', () => {
  it('a request begins and ends, answered or cut', async () => {
    let isCut = () => {};
    const cut = new Promise((resolve) => {
      isCut = resolve;
    });
    const server = await served(() => (request, response) => {
      if (request.url === '/') return response.end('well');
      response.on('close', isCut);
      response.write('half');
      response.destroy();
    });
    const messages = heard('flotilla:request:start', 'flotilla:request:end');
    const url = `http://127.0.0.1:${server.getPort()}`;
    await (await fetch(url)).text();
    await fetch(`${url}/cut`)
      .then((response) => response.text())
      .catch(() => {});
    await cut;
    const told = messages.map(([name, { request, response, isAnswered }]) => [
      name,
      request.url,
      response instanceof http.ServerResponse,
      isAnswered,
    ]);
    expect(told).toEqual([
      ['request:start', '/', true, undefined],
      ['request:end', '/', true, true],
      ['request:start', '/cut', true, undefined],
      ['request:end', '/cut', true, false],
    ]);
  });

  it('a restart begins and ends, well or not', async () => {
    let isBroken = false;
    const server = await served(() => {
      if (isBroken) throw new Error('no luck');
      return (_request, response) => response.end();
    });
    const messages = heard('flotilla:restart:start', 'flotilla:restart:end');
    await server.restart();
    isBroken = true;
    await expect(server.restart()).rejects.toThrow('no luck');
    const durationMs = expect.any(Number);
    const error = expect.objectContaining({ code: 'FLOTILLA_ERR_APP_FAILED' });
    expect(messages).toEqual([
      ['restart:start', { servers: [''], generation: 2 }],
      ['restart:end', { servers: [''], generation: 2, durationMs }],
      ['restart:start', { servers: [''], generation: 3 }],
      ['restart:end', { servers: [''], generation: 3, durationMs, error }],
    ]);
  });

  it('a flight begins and ends, once for all who ask', async () => {
    const cache = new LRUCacheClustered({ namespace: 'told', max: 10 });
    const messages = heard('flotilla:flight:start', 'flotilla:flight:end');
    await Promise.all([1, 2, 3].map(() => cache.fetch('a', async () => 5)));
    await cache.fetch('b', () => Promise.reject(new Error('no luck'))).catch(() => {});
    const durationMs = expect.any(Number);
    const about = (key) => ({ namespace: 'told', key });
    expect(messages).toEqual([
      ['flight:start', about('a')],
      ['flight:end', { ...about('a'), durationMs }],
      ['flight:start', about('b')],
      ['flight:end', { ...about('b'), durationMs, error: expect.objectContaining({ message: 'no luck' }) }],
    ]);
  });

  it.runIf(process.platform === 'linux')('a connection goes from one worker to another', async () => {
    const text = `
      const { subscribe } = require('node:diagnostics_channel');
      const { startServer } = require('flotilla');
      subscribe('flotilla:move', ({ direction, remotePort }) => console.log('moved', direction, remotePort));
      startServer((_, response) => response.end('well'), { port: 0, host: '127.0.0.1', baseWorkerPort: 0, workers: 1 });`;
    // Within the repository, which finds the package by its own name.
    mkdirSync(path.join(root, 'target'), { recursive: true });
    const file = path.join(root, `target/moves-${process.pid}.cjs`);
    writeFileSync(file, text);
    onTestFinished(() => rmSync(file));
    const { child, prints } = start(process.execPath, [file]);
    const [, port] = await prints(/workers serve 127\.0\.0\.1:(\d+)/);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    const from = await new Promise((resolve, reject) => {
      const outgoing = http.get({ port, host: '127.0.0.1', agent }, (incoming) =>
        incoming.resume().on('end', () => resolve(outgoing.socket.localPort)),
      );
      outgoing.on('error', reject);
    });
    child.kill('SIGUSR2');
    await prints(new RegExp(`moved out ${from}\n`));
    await prints(new RegExp(`moved in ${from}\n`));
  });
});
