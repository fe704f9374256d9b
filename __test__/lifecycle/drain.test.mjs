// Draining and stopping under clients of every kind: those that wait, those that are parked, those that never read.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { connected, gate, keptConnection, request, startedServer, untilEnd } from '../fixtures/lifecycle.mjs';

const pem = (name) => readFileSync(new URL(`../fixtures/tls/${name}.pem`, import.meta.url));

/** An application whose `/slow` waits until the test lets it go on; `arrived` tells when a request is there. */
function gated() {
  const [arrived, released] = [gate(), gate()];
  const app = () => async (request, response) => {
    if (request.url !== '/slow') return response.end('at once');
    arrived.open();
    await released.opened;
    response.end('after all');
  };
  return { app, arrived: arrived.opened, release: released.open };
}

describe('draining', () => {
  it('answers what is under way, refuses what is new, and tells so by readiness', async () => {
    const { app, arrived, release } = gated();
    const { server, url, told } = await startedServer(app);
    const slow = request(url('/slow'), { agent: keptConnection() });
    await arrived;
    let drained = false;
    const draining = server.drain().then(() => {
      drained = true;
    });
    expect(await request(url(), { agent: false })).toMatchObject({
      status: 503,
      text: 'Server is draining',
      headers: { connection: 'close' },
    });
    expect((await request(url('/ready'), { agent: false })).status).toBe(503);
    expect((await request(url('/live'), { agent: false })).status).toBe(200);
    expect([server.state, drained, told]).toEqual(['draining', false, ['ready', 'draining']]);
    release();
    expect(await slow).toMatchObject({ status: 200, text: 'after all', headers: { connection: 'close' } });
    await draining;
    await server.drain();
    await server.stop();
    expect(told).toEqual(['ready', 'draining', 'stopped']);
  });

  it('answers requests that were sent one behind the other, and closes with the last answer', async () => {
    const { app, arrived, release } = gated();
    const { server } = await startedServer(app);
    const socket = await connected(server.getPort());
    socket.write(
      ['/slow', '/next', '/slow'].map((path) => `GET ${path} HTTP/1.1\r\nHost: here\r\n\r\n`).join(''),
    );
    await arrived;
    const text = untilEnd(socket);
    const draining = server.drain();
    release();
    await draining;
    const answers = (await text).split('HTTP/1.1 ').slice(1);
    expect(answers.map((answer) => [/after all|at once/.exec(answer)?.[0], /: close/.test(answer)])).toEqual([
      ['after all', false],
      ['at once', false],
      ['after all', true],
    ]);
  });

  it('is not held up by requests whose client has gone before their turn', async () => {
    const { app, arrived } = gated();
    const { server } = await startedServer(app);
    const socket = await connected(server.getPort());
    socket.write('GET /slow HTTP/1.1\r\nHost: here\r\n\r\nGET /slow HTTP/1.1\r\nHost: here\r\n\r\n');
    await arrived;
    socket.destroy();
    await server.drain();
  });

  it('waits for a request of which a part has arrived', async () => {
    const { server } = await startedServer(gated().app);
    const socket = await connected(server.getPort());
    const text = untilEnd(socket);
    socket.write('GET / HTTP/1.1\r\nHo');
    // The server has read it when it has answered another connection that came later.
    await request(`http://127.0.0.1:${server.getPort()}/`, { agent: false });
    const draining = server.drain();
    socket.write('st: here\r\n\r\n');
    expect(await text).toMatch(/^HTTP\/1.1 503 [\s\S]*Server is draining$/);
    await draining;
  });

  it('refuses WebSockets', async () => {
    const app = () => {
      const server = http.createServer((request) => request.url === '/never' || undefined);
      new WebSocketServer({ server });
      return server;
    };
    const { server, url } = await startedServer(app, { gracefulShutdownTimeoutMs: 50 });
    const never = http.get(url('/never'), { agent: false }).on('error', () => {});
    await once(never, 'socket');
    while (never.socket.connecting || never.socket.bytesWritten === 0) await pause(1);
    await pause(10);
    server.drain();
    const client = new WebSocket(url('/').replace('http', 'ws'));
    const [error] = await once(client, 'error');
    expect(error.message).toContain('503');
  });

  it('of a stopped server is nothing', async () => {
    const { server } = await startedServer(gated().app);
    await server.stop();
    await server.drain();
    expect(server.state).toBe('stopped');
  });
});

describe('a stop', () => {
  it('answers every request that is under way', async () => {
    const { app, arrived, release } = gated();
    const { server, url, logged } = await startedServer(app);
    const slow = Array.from({ length: 20 }, () => request(url('/slow'), { agent: false }));
    await arrived;
    await request(url());
    const stopped = server.stop();
    release();
    expect(new Set((await Promise.all(slow)).map(({ text }) => text))).toEqual(new Set(['after all']));
    await stopped;
    expect(logged).toEqual([]);
  });

  it('does not wait for clients that are parked', async () => {
    const app = () => {
      const server = http.createServer((request, response) => {
        if (request.url !== '/events') return response.end('well');
        response.writeHead(200, { 'Content-Type': 'text/event-stream' });
        response.write('data: 1\n\n');
        const timer = setInterval(() => response.write('data: more\n\n'), 1);
        response.on('close', () => clearInterval(timer));
      });
      new WebSocketServer({ server, path: '/socket' });
      return server;
    };
    const { server, url, logged } = await startedServer(app);
    await request(url(), { agent: keptConnection() });
    await connected(server.getPort());
    const client = new WebSocket(url('/socket').replace('http', 'ws'));
    await once(client, 'open');
    const [stream] = await once(http.get(url('/events'), { agent: false }), 'response');
    const [closed, ended] = [once(client, 'close'), once(stream.resume(), 'end')];
    const begun = performance.now();
    await server.stop();
    expect((await closed)[0]).toBe(1001);
    await ended;
    // Less than the five seconds that they may take, and hardly more than the one that a silent connection has.
    expect(performance.now() - begun).toBeLessThan(3000);
    expect(logged).toEqual([]);
  });

  it.each([
    ['a WebSocket that does not answer the close', '/socket', []],
    ['a client that never reads', '/large', [expect.stringContaining('no answer yet to GET /large')]],
    ['a request that is never answered', '/never', [expect.stringContaining('no answer yet to GET /never')]],
  ])('cuts %s when the time is over', async (_what, path, messages) => {
    const app = () => {
      const server = http.createServer((request, response) => {
        if (request.url === '/large') response.end(Buffer.alloc(64 << 20));
        if (request.url === '/') response.end();
      });
      new WebSocketServer({ server, path: '/socket' });
      return server;
    };
    const { server, url, logged } = await startedServer(app, { gracefulShutdownTimeoutMs: 200 });
    const socket = await connected(server.getPort());
    const upgrade =
      'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
    socket.write(`GET ${path} HTTP/1.1\r\nHost: here\r\n${path === '/socket' ? upgrade : ''}\r\n`);
    if (path !== '/never') await once(socket, 'readable');
    await request(url(), { agent: false });
    const begun = performance.now();
    await server.stop();
    const took = performance.now() - begun;
    expect([took >= 195, took < 1500, server.state]).toEqual([true, true, 'stopped']);
    expect(logged.map(([, error]) => error.message)).toEqual(messages);
  });

  it('tells an error listener what it had to cut, instead of the log', async () => {
    const { server, url, logged } = await startedServer(() => () => {}, { gracefulShutdownTimeoutMs: 50 });
    const errors = [];
    server.on('error', (error) => errors.push(error));
    const never = http.get(url('/never'), { agent: false }).on('error', () => {});
    await once(never, 'finish');
    while (never.socket.bytesWritten === 0) await pause(1);
    await pause(20);
    await server.stop();
    expect(errors).toEqual([expect.objectContaining({ code: 'FLOTILLA_ERR_SHUTDOWN_TIMEOUT' })]);
    expect(logged).toEqual([]);
  });

  it('cuts short a drain that does not end', async () => {
    const { app, arrived } = gated();
    const { server, url } = await startedServer(app, { gracefulShutdownTimeoutMs: 100 });
    const slow = request(url('/slow'), { agent: false });
    slow.catch(() => {});
    await arrived;
    const draining = server.drain();
    await server.stop();
    await draining;
    await expect(slow).rejects.toThrow();
  });

  it('goes on serving for the delay, with readiness at 503', async () => {
    const { server, url } = await startedServer(() => (_request, response) => response.end('well'), {
      shutdownDelayMs: 150,
    });
    const begun = performance.now();
    const stopped = server.stop();
    const answers = [];
    for (const path of ['/ready', '/', '/live']) answers.push(await request(url(path)));
    expect(answers.map(({ status }) => status)).toEqual([503, 200, 200]);
    await stopped;
    expect(performance.now() - begun).toBeGreaterThanOrEqual(145);
  });
});

describe('over TLS and HTTP/2', () => {
  const tls = { key: pem('key'), cert: pem('cert') };

  it('an https.Server is started, restarted, drained and stopped like any other', async () => {
    const { arrived, release, app } = gated();
    const { server } = await startedServer(() => https.createServer(tls, app()));
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
    onTestFinished(() => agent.destroy());
    const ask = async (path) => {
      const outgoing = https.get(`https://127.0.0.1:${server.getPort()}${path}`, { agent });
      const [response] = await once(outgoing, 'response');
      let text = '';
      for await (const chunk of response) text += chunk;
      return [response.statusCode, text, outgoing.reusedSocket];
    };
    expect(await ask('/')).toEqual([200, 'at once', false]);
    await server.restart();
    expect(await ask('/')).toEqual([200, 'at once', true]);
    expect((await ask('/health'))[0]).toBe(200);
    const slow = ask('/slow');
    await arrived;
    const stopped = server.stop();
    release();
    expect(await slow).toEqual([200, 'after all', true]);
    await stopped;
  });

  it('HTTP/2 sessions are told to go, and end after their last stream', async () => {
    const { arrived, release, app } = gated();
    const { server } = await startedServer(() => http2.createSecureServer(tls, app()));
    const client = http2.connect(`https://127.0.0.1:${server.getPort()}`, { rejectUnauthorized: false });
    onTestFinished(() => client.destroy());
    const ask = async (path) => {
      let text = '';
      for await (const chunk of client.request({ ':path': path })) text += chunk;
      return text;
    };
    expect(await ask('/')).toBe('at once');
    await server.restart();
    expect(await ask('/')).toBe('at once');
    const slow = ask('/slow');
    await arrived;
    const [gone, stopped] = [once(client, 'goaway'), server.stop()];
    await gone;
    release();
    expect(await slow).toBe('after all');
    await stopped;
  });
});
