// Programs that were never written for Flotilla, on several processes: what they listen on, and how they are replaced.

import { writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import path from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { anyApp, load, program, serving, whole } from '../fixtures/any-app.mjs';
import { bothWorkers, certificate, isAlive, until } from '../fixtures/clustered.mjs';
import { emptyFolder } from '../fixtures/folders.mjs';
import { keptConnection, request } from '../fixtures/lifecycle.mjs';

/** An answer that tells who answers. */
const plain = (listen = "listen(0, '127.0.0.1')", version = 1) => `
  const http = require('node:http');
  const server = http.createServer((request, response) => response.end(JSON.stringify({
    pid: process.pid, version: ${version}, from: request.socket.remoteAddress, of: server.address(), word: process.env.WORD,
  })));
  server.${listen};`;
const asked = async (url, options = { agent: false }) => JSON.parse((await request(url, options)).text);

describe('a program that listens', () => {
  it('is served by all workers, seems to listen where its clients come to, and sees their own addresses', async () => {
    const app = await serving(program(plain()));
    await whole(app);
    const answer = await asked(app.url());
    expect(answer).toMatchObject({ from: '127.0.0.1', of: { address: '127.0.0.1', port: app.port } });
    expect((await bothWorkers(() => asked(app.url()))).size).toBe(2);
    expect(await app.stop()).toBe(true);
  });

  it('is replaced under load without a lost request, with its connections and a new environment', async () => {
    const file = program(plain());
    const app = await serving(file);
    await whole(app);
    const kept = keptConnection();
    await asked(app.url(), { agent: kept });
    const clients = load(app.url());
    await vi.waitFor(() => expect(clients.state.answered).toBeGreaterThan(50), 10_000);
    writeFileSync(file, plain("listen(0, '127.0.0.1')", 2));
    const { generation, moved, cut } = await app.restart({ env: { WORD: 'fresh' } });
    expect([generation, cut]).toEqual([2, 0]);
    expect(moved).toBeGreaterThan(0);
    const { failures } = await clients.stop();
    expect(failures).toEqual([]);
    const answer = await request(app.url(), { agent: kept });
    expect(JSON.parse(answer.text)).toMatchObject({ version: 2, word: 'fresh' });
    expect(answer.reused).toBe(true);
  });

  it('is scaled, has one worker replaced, and loses no request by it', async () => {
    const app = await serving(program(plain()));
    const [first] = await whole(app);
    const clients = load(app.url());
    await app.scale(3);
    expect(await whole(app, 3)).toHaveLength(3);
    await app.restartWorker(0);
    const [successor] = await whole(app, 3);
    expect(successor).toMatchObject({ index: 0, restarts: 1 });
    expect(successor.pid).not.toBe(first.pid);
    await app.scale(1);
    expect((await app.status()).workers).toHaveLength(1);
    await expect(app.scale(0)).rejects.toMatchObject({ code: 'FLOTILLA_ERR_OUT_OF_RANGE' });
    await expect(app.scale(1000)).rejects.toMatchObject({ code: 'FLOTILLA_ERR_OUT_OF_RANGE' });
    expect((await clients.stop()).failures).toEqual([]);
  });

  it('tells its probes that it is about to end, and serves on for the delay', async () => {
    const endpoints = { health: false, live: '/live', ready: '/ready' };
    const app = await serving(program(plain()), { delay: 1000, healthEndpoints: endpoints });
    await whole(app);
    const statusOf = async (target) => (await request(app.url(target), { agent: false })).status;
    expect(await Promise.all(['/live', '/ready', '/other'].map(statusOf))).toEqual([200, 200, 200]);
    const stopped = app.stop();
    await until(async () => (await statusOf('/ready')) === 503);
    expect(await statusOf('/other')).toBe(200);
    expect(await stopped).toBe(true);
  });

  it('has a worker replaced that gets SIGTERM, without a lost request', async () => {
    const app = await serving(program(plain()));
    const [{ pid }] = await whole(app);
    const clients = load(app.url());
    process.kill(pid, 'SIGTERM');
    expect(await app.event('exit', (each) => each.pid === pid)).toMatchObject({ code: 0 });
    await whole(app);
    expect((await clients.stop()).failures).toEqual([]);
  });

  it('ends by the signal that it waits for, after its last answer', async () => {
    const app = await serving(
      program(`
        const server = require('node:http').createServer((request, response) => setTimeout(() => response.end('late'), 300));
        server.listen(0, '127.0.0.1');
        process.on('SIGINT', () => server.close(() => { console.log('has closed'); process.exit(0); }));`),
      { workers: 1 },
    );
    const answer = request(app.url());
    await vi.waitFor(async () => expect((await app.status()).workers[0].inFlightRequests).toBe(1), 5000);
    expect(await app.stop()).toBe(true);
    expect((await answer).text).toBe('late');
    await app.event('line', ({ line }) => line === 'has closed');
  });

  it('ends as soon as it has nothing more to do, where it only closes its server when it hears the signal', async () => {
    const app = await serving(
      program(`${plain()}
        process.on('SIGTERM', () => {
          const late = setTimeout(() => {}, 60_000);
          server.close((error) => error || clearTimeout(late));
        });`),
    );
    const began = performance.now();
    expect(await app.stop()).toBe(true);
    // Not after the grace period, which is ten seconds.
    expect(performance.now() - began).toBeLessThan(5000);
  });

  it('does not hear a signal that is meant for all', async () => {
    const app = await serving(
      program(`${plain()} process.on('SIGINT', () => { console.log('heard'); process.exit(9); });`),
    );
    const workers = await whole(app);
    for (const { pid } of workers) {
      process.kill(pid, 'SIGINT');
      process.kill(pid, 'SIGUSR2');
    }
    await asked(app.url());
    expect(workers.every(({ pid }) => isAlive(pid))).toBe(true);
    expect(app.written()).not.toContain('heard');
  });
});

describe('what a program listens on', () => {
  const listens = async (text, ask, options) => {
    const app = await serving(program(text, options?.name), options);
    await whole(app);
    await ask(app);
    const clients = options?.url && load(options.url(app), options);
    await app.restart();
    if (clients) expect((await clients.stop()).failures).toEqual([]);
    await ask(app);
  };

  it('may be a Unix socket', async () => {
    const socketPath = path.join(emptyFolder(), 'socket');
    const app = anyApp(program(plain(`listen(${JSON.stringify(socketPath)})`)));
    await app.start();
    expect(await app.event('listening')).toMatchObject({ name: socketPath });
    const ask = async () => JSON.parse((await request('http://unix/', { socketPath, agent: false })).text);
    expect((await bothWorkers(ask)).size).toBe(2);
    await app.restart();
    expect((await ask()).of).toBe(socketPath);
    await app.stop();
    await expect(ask()).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('may be several ports, of which the system chooses some', async () => {
    const app = anyApp(program(`${plain()} { ${plain()} }`));
    await app.start();
    await whole(app);
    const { addresses } = await app.status();
    const ports = addresses.map(({ port }) => port);
    expect(new Set(ports).size).toBe(2);
    const both = () => Promise.all(ports.map((port) => asked(`http://127.0.0.1:${port}/`)));
    expect((await both()).map(({ of }) => of.port)).toEqual(ports);
    await app.restart();
    expect((await both()).map(({ of }) => of.port)).toEqual(ports);
  });

  it('may speak TLS, HTTP/2, or a protocol of its own', async () => {
    const { key, cert } = certificate();
    const pem = JSON.stringify({ key, cert, allowHTTP1: true });
    await listens(
      `const { createServer } = require('node:https');
       createServer(${pem}, (request, response) => response.end('secret')).listen({ port: 0, host: '127.0.0.1', exclusive: true });`,
      async ({ port }) => {
        const answer = await new Promise((resolve, reject) => {
          https
            .get({ port, host: '127.0.0.1', agent: false, rejectUnauthorized: false }, resolve)
            .on('error', reject);
        });
        expect(answer.statusCode).toBe(200);
      },
    );
    await listens(
      `require('node:http2').createSecureServer(${pem}, (request, response) => response.end('two')).listen(0, '127.0.0.1');`,
      async ({ port }) => {
        const session = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
        const stream = session.request({ ':path': '/' });
        let text = '';
        for await (const chunk of stream.setEncoding('utf8')) text += chunk;
        expect(text).toBe('two');
        session.close();
      },
    );
    await listens(
      `require('node:net').createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');`,
      async ({ port }) => {
        const socket = net.connect(port, '127.0.0.1');
        socket.end('echo');
        let text = '';
        for await (const chunk of socket.setEncoding('utf8')) text += chunk;
        expect(text).toBe('echo');
      },
    );
  });

  it('may be closed and opened again by the program', async () => {
    const app = await serving(
      program(`${plain()}
        const control = http.createServer((request, response) => {
          if (request.url === '/close') server.close(() => response.end('closed'));
          else server.listen(Number(request.url.slice(1)), '127.0.0.1', () => response.end('open'));
        });
        server.once('listening', () => control.listen(0, '127.0.0.1'));`),
      { workers: 1 },
    );
    await vi.waitFor(async () => expect((await app.status()).addresses).toHaveLength(2), 5000);
    const control = (await app.status()).addresses[1].port;
    await asked(app.url());
    expect((await request(`http://127.0.0.1:${control}/close`)).text).toBe('closed');
    await vi.waitFor(() => expect(asked(app.url())).rejects.toMatchObject({ code: 'ECONNREFUSED' }), 5000);
    expect((await request(`http://127.0.0.1:${control}/${app.port}`)).text).toBe('open');
    await vi.waitFor(() => asked(app.url()), 5000);
  });

  it('is forwarded where that is asked for, with the reason, and the client’s own address', async () => {
    const app = await serving(program(plain()), { mode: 'proxy' });
    await whole(app);
    expect(await app.event('note')).toMatchObject({ text: expect.stringContaining('the mode is "proxy"') });
    expect(await asked(app.url())).toMatchObject({ from: '127.0.0.1', of: { port: app.port } });
  });
});

describe('a program may be', () => {
  it.each([
    [
      'an ES module',
      'app.mjs',
      plain().replace("const http = require('node:http')", "import http from 'node:http'"),
    ],
    [
      'one that awaits at its top level',
      'app.mjs',
      `await 0; const http = await import('node:http'); ${plain().split('\n').slice(2).join('\n')}`,
    ],
  ])('%s', async (_, name, text) => {
    const app = await serving(program(text, name));
    expect(await asked(app.url())).toMatchObject({ from: '127.0.0.1' });
  });

  it.runIf(process.features.typescript)('one in TypeScript, where Node strips types', async () => {
    const text = `const answer: string = 'typed'; ${plain()}`;
    const app = await serving(program(text, 'app.cts'));
    expect(await asked(app.url())).toMatchObject({ from: '127.0.0.1' });
  });

  it('one that uses node:cluster: its workers’ half runs', async () => {
    const app = await serving(
      program(`const cluster = require('node:cluster');
        if (cluster.isPrimary) { for (let i = 0; i < 4; i++) cluster.fork(); } else { ${plain()} }`),
    );
    expect(await whole(app)).toHaveLength(2);
    expect(await asked(app.url())).toMatchObject({ from: '127.0.0.1' });
  });

  it('one that starts processes of itself, which are no workers', async () => {
    const app = await serving(
      program(`if (process.argv[2] === 'child') { console.log('child', process.env.FLOTILLA_SEAT, require('node:cluster').isWorker); }
        else { require('node:child_process').fork(__filename, ['child']); ${plain()} }`),
      { workers: 1 },
    );
    expect((await app.event('line')).line).toBe('child undefined false');
    await asked(app.url());
  });
});
