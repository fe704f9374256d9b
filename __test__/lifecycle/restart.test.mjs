// A restart of a server in this process: a fresh context and application, and nothing dropped.

import { once } from 'node:events';
import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import express from 'express';
import Fastify from 'fastify';
import Koa from 'koa';
import { describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import {
  connected,
  gate,
  keptConnection,
  lifecycleServer,
  request,
  startedServer,
} from '../fixtures/lifecycle.mjs';

const hello = (context) => (_request, response) => response.end(`generation ${context.generation}`);

/** The same application in each of its forms. */
const forms = [
  ['a function', hello],
  ['an http.Server', (context) => http.createServer(hello(context))],
  ['Express', (context) => express().use(hello(context))],
  [
    'Fastify',
    (context) =>
      Fastify({ forceCloseConnections: true }).get('/', async () => `generation ${context.generation}`),
  ],
  [
    'Koa',
    (context) => {
      const app = new Koa();
      app.use((ctx) => {
        ctx.body = `generation ${context.generation}`;
      });
      return app;
    },
  ],
];

describe('a restart', () => {
  it.each(forms)(
    'of %s answers from a fresh context, on the same port and the same connection',
    async (_, app) => {
      const { server, url, told } = await startedServer(app);
      const agent = keptConnection();
      const port = server.getPort();
      const answers = [];
      for (let turn = 0; turn < 4; turn++) {
        answers.push(await request(url(), { agent }));
        await server.restart();
      }
      answers.push(await request(url(), { agent }));
      expect(answers.map(({ text }) => text)).toEqual([1, 2, 3, 4, 5].map((each) => `generation ${each}`));
      expect(answers.map(({ reused }) => reused)).toEqual([false, true, true, true, true]);
      expect([server.getPort(), told.slice(-2)]).toEqual([port, ['restarted', 'restarted']]);
    },
  );

  it('opens the new resources before the old ones close, and closes those after the last answer', async () => {
    const log = [];
    const [arrived, slow] = [gate(), gate()];
    const db = {
      open: ({ generation }) => {
        log.push(`open ${generation}`);
        return generation;
      },
      close: (generation) => log.push(`close ${generation}`),
    };
    const app = (context) => async (request, response) => {
      if (request.url === '/slow') {
        arrived.open();
        await slow.opened;
      }
      log.push(`answer ${context.db}`);
      response.end(`from ${context.db}`);
    };
    const { server, url } = await startedServer(app, { config: { resources: { db } } });
    const early = request(url('/slow'), { agent: keptConnection() });
    await arrived.opened;
    const restarted = server.restart();
    while (!(await request(url('/'))).text.endsWith('2')) await pause(1);
    slow.open();
    expect((await early).text).toBe('from 1');
    await restarted;
    const last = log.slice(log.indexOf('open 2'));
    expect(log[0]).toBe('open 1');
    expect([last[0], last.at(-2), last.at(-1)]).toEqual(['open 2', 'answer 1', 'close 1']);
  });

  it.each([
    ['a resource that does not open', { open: 2 }, 'FLOTILLA_ERR_RESOURCE_FAILED'],
    ['an application that throws', { app: 2 }, 'FLOTILLA_ERR_APP_FAILED'],
    ['checks that are not well', { check: 2 }, 'FLOTILLA_ERR_SERVER_NOT_READY'],
  ])('with %s rejects, and the old generation serves on', async (_what, faulty, code) => {
    const log = [];
    const db = {
      open: ({ generation }) => {
        if (generation === faulty.open) throw new Error('no such host');
        log.push(`open ${generation}`);
        return generation;
      },
      close: (generation) => log.push(`close ${generation}`),
      check: (generation) => generation !== faulty.check,
    };
    const app = (context) => {
      if (context.generation === faulty.app) throw new Error('no such module');
      return hello(context);
    };
    const { server, url, told } = await startedServer(app, {
      config: { resources: { db } },
      readyTimeoutMs: 100,
    });
    await expect(server.restart()).rejects.toMatchObject({ code });
    expect([server.state, (await request(url())).text, told]).toEqual(['ready', 'generation 1', ['ready']]);
    expect(log).toEqual(faulty.open ? ['open 1'] : ['open 1', 'open 2', 'close 2']);
    [faulty.open, faulty.app, faulty.check] = [];
    await server.restart();
    expect((await request(url())).text).toBe('generation 2');
  });

  it('twice at once is two restarts, one after the other', async () => {
    const { server, url, told } = await startedServer(hello);
    await Promise.all([server.restart(), server.restart()]);
    expect((await request(url())).text).toBe('generation 3');
    expect(told).toEqual(['ready', 'restarted', 'restarted']);
  });

  it('followed by a stop at once is stopped in the end', async () => {
    const { server, told } = await startedServer(hello);
    await Promise.all([server.restart(), server.stop()]);
    expect([server.state, told.at(-1)]).toEqual(['stopped', 'stopped']);
  });

  it('that does not get ready is not waited for by a stop, which answers what is under way', async () => {
    const [arrived, slow, late, closed] = [gate(), gate(), gate(), gate()];
    const db = {
      open: ({ generation }) => (generation === 1 ? 'db 1' : late.opened),
      close: (which) => which === 'db 2' && closed.open(),
    };
    const app = () => async (_request, response) => {
      arrived.open();
      await slow.opened;
      response.end('after all');
    };
    const { server, url, told } = await startedServer(app, { config: { resources: { db } } });
    const answer = request(url(), { agent: false });
    await arrived.opened;
    const restarted = server.restart();
    while (server.state !== 'restarting') await pause(1);
    const stopped = server.stop();
    await expect(restarted).rejects.toMatchObject({
      code: 'FLOTILLA_ERR_SERVER_NOT_READY',
      cause: expect.objectContaining({ message: 'A stop was asked for before it was ready' }),
    });
    slow.open();
    expect((await answer).text).toBe('after all');
    await stopped;
    expect([server.state, told]).toEqual(['stopped', ['ready', 'draining', 'stopped']]);
    // What is opened too late is closed.
    late.open('db 2');
    await closed.opened;
  });

  it('of a stopped server is a start', async () => {
    const { server, url } = lifecycleServer(hello);
    await server.restart();
    expect((await request(url())).text).toBe('generation 1');
  });

  it('of a drained server lets it take work again', async () => {
    const { server, url } = await startedServer(hello);
    await server.drain();
    expect((await request(url())).status).toBe(503);
    await server.restart();
    expect(await request(url())).toMatchObject({ status: 200, text: 'generation 2' });
  });

  it('fails no request of clients that send all the time, with bodies', async () => {
    const app = (context) => async (request, response) => {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      await pause(chunks.length % 3);
      response.end(`${context.generation} ${Buffer.concat(chunks)}`);
    };
    const { server, url } = await startedServer(app);
    let running = true;
    let sent = 0;
    const clients = Array.from({ length: 8 }, async (_, client) => {
      const agent = keptConnection();
      for (let turn = 0; running; turn++) {
        const body = `${client}.${turn}`.padEnd(1 + ((turn * 7919) % 20_000), '.');
        const { status, text, reused } = await request(url('/'), { agent, body });
        expect([status, text.slice(text.indexOf(' ') + 1) === body, reused]).toEqual([200, true, turn > 0]);
        sent += 1;
      }
    });
    for (let turn = 0; turn < 20; turn++) {
      const before = sent;
      await server.restart();
      while (sent < before + 16) await pause(1);
    }
    running = false;
    await Promise.all(clients);
    expect(sent).toBeGreaterThan(300);
  });

  it('cuts what the old generation does not finish in time, and tells the culprit', async () => {
    const { server, url, logged } = await startedServer(
      (context) => (request, response) => {
        if (request.url.startsWith('/never')) return;
        hello(context)(request, response);
      },
      { gracefulShutdownTimeoutMs: 100 },
    );
    const never = request(url('/never?token=secret'), { agent: keptConnection() });
    never.catch(() => {});
    await request(url());
    await server.restart();
    await expect(never).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect((await request(url())).text).toBe('generation 2');
    expect(logged.map(([, error]) => error.message)).toEqual([
      'Gave up after 100 ms: no answer yet to GET /never',
    ]);
  });

  it('closes WebSockets of the old generation with 1001 and ends its streams of events', async () => {
    const app = () => {
      const server = http.createServer((_request, response) => {
        response.writeHead(200, { 'Content-Type': 'text/event-stream' });
        response.write('data: 1\n\n');
      });
      const sockets = new WebSocketServer({ server });
      sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(`echo ${data}`)));
      return server;
    };
    const { server, url } = await startedServer(app);
    const client = new WebSocket(url('/').replace('http', 'ws'));
    await once(client, 'open');
    const [stream] = await once(http.get(url('/')), 'response');
    await once(stream, 'data');
    const [closed, ended] = [once(client, 'close'), once(stream, 'end')];
    stream.resume();
    await server.restart();
    expect((await closed)[0]).toBe(1001);
    await ended;
    const next = new WebSocket(url('/').replace('http', 'ws'));
    await once(next, 'open');
    next.send('hello');
    expect(String((await once(next, 'message'))[0])).toBe('echo hello');
  });

  it('answers a pipelined request that was sent before it by the one generation or the other', async () => {
    const { server } = await startedServer(hello);
    const socket = await connected(server.getPort());
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
    const head = 'GET / HTTP/1.1\r\nHost: here\r\n\r\n';
    for (let turn = 0; turn < 10; turn++) {
      socket.write(head.repeat(5));
      await server.restart();
    }
    while (text.split('HTTP/1.1 200 OK').length <= 50) await once(socket, 'data');
    expect(text.match(/generation \d+/g)).toHaveLength(50);
  });
});

describe('an application’s own server', () => {
  it('tells what it would if it listened, and its close leaves connections alone', async () => {
    let own;
    const { server, url } = await startedServer((context) => {
      own = http.createServer(hello(context));
      return own;
    });
    const agent = keptConnection();
    await request(url(), { agent });
    expect([own.listening, own.address().port]).toEqual([true, server.getPort()]);
    expect(await new Promise((resolve) => own.getConnections((_error, count) => resolve(count)))).toBe(1);
    await new Promise((resolve) => own.close(resolve));
    own.closeAllConnections();
    expect(await request(url(), { agent })).toMatchObject({ status: 200, reused: true });
  });

  it('keeps its own limits', async () => {
    const app = () =>
      Object.assign(http.createServer({ connectionsCheckingInterval: 20 }), { headersTimeout: 50 });
    const { server } = await startedServer(app);
    const socket = await connected(server.getPort());
    socket.write('GET / HTTP/1.1\r\nHo');
    const [data] = await once(socket, 'data');
    expect(String(data)).toMatch(/^HTTP\/1.1 408 /);
  });
});

describe('an application that returns the same server each time', () => {
  it('is restarted, and stopped and started, like any other', async () => {
    const only = http.createServer(hello({ generation: 'of one server' }));
    const { server, url } = await startedServer(() => only);
    const agent = keptConnection();
    const ask = async () => (await request(url(), { agent })).text;
    expect(await ask()).toBe('generation of one server');
    await server.restart();
    expect([await ask(), only.listening, only.address().port]).toEqual([
      'generation of one server',
      true,
      server.getPort(),
    ]);
    await server.stop();
    expect(only.listening).toBe(false);
    await server.start();
    expect((await request(url(), { agent: false })).text).toBe('generation of one server');
  });
});
