// Applications in the manner of the web: Hono's, and whatever brings a Response for a Request. The answers are compared with those
// of Hono's own adapter, over real sockets.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { serve } from '@hono/node-server';
import { createContext, createServer, startServer, testServer } from 'flotilla';
import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** What an aborted request ended in, told by the application itself. */
const seen = { aborted: 0, cancelled: 0 };
let heard = () => {};
const tell = (what) => {
  seen[what] += 1;
  heard();
};

const app = new Hono()
  .get('/', (context) => context.text('hello'))
  .get('/json', (context) =>
    context.json({ query: context.req.query('a'), agent: context.req.header('x-agent') }),
  )
  .get('/cookies', () => {
    const headers = new Headers([
      ['set-cookie', 'a=1; Path=/'],
      ['set-cookie', 'b=2'],
      ['x-one', '1'],
    ]);
    return new Response('cookies', { headers, status: 201, statusText: 'Baked' });
  })
  .get('/none', (context) => context.body(null, 204))
  .get('/same', () => new Response(null, { status: 304, headers: { etag: '"1"' } }))
  .get('/empty', () => new Response(null))
  .get('/away', (context) => context.redirect('/'))
  .post(
    '/echo',
    (context) =>
      new Response(context.req.raw.body, {
        headers: { 'content-type': context.req.header('content-type') ?? 'text/none' },
      }),
  )
  .post('/form', async (context) => context.json(await context.req.parseBody()))
  .post('/unread', (context) => context.text('I did not look'))
  .post('/length', async (context) => context.json((await context.req.arrayBuffer()).byteLength))
  .get(
    '/large',
    () => new Response(new Uint8Array(5_000_000).fill(65), { headers: { 'content-type': 'text/x' } }),
  )
  .get('/events', (context) =>
    streamSSE(context, async (stream) => {
      for (const data of ['one', 'two', 'three']) {
        await stream.writeSSE({ data });
        await stream.sleep(5);
      }
    }),
  )
  .get('/endless', (context) => {
    context.req.raw.signal.addEventListener('abort', () => tell('aborted'));
    const pull = (controller) => controller.enqueue(new Uint8Array(70_000));
    return new Response(new ReadableStream({ pull, cancel: () => tell('cancelled') }));
  })
  .get('/breaks', () => {
    const pull = async (controller) => {
      if (pulled++ === 0) return controller.enqueue(new Uint8Array(9));
      await pause(20);
      controller.error(new Error('half'));
    };
    let pulled = 0;
    return new Response(new ReadableStream({ pull }), { headers: { 'content-length': '20' } });
  })
  .get('/client', (context) => context.text(context.env.incoming.socket.remoteAddress));

/** One request by Node's own client: what came, to the byte. */
async function ask(port, path, { body, ...options } = {}) {
  const outgoing = http.request({ port, host: '127.0.0.1', path, agent: false, ...options }).end(body);
  const [incoming] = await once(outgoing, 'response');
  const chunks = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const { date, connection, 'keep-alive': _, 'transfer-encoding': pieces, ...headers } = incoming.headers;
  const bytes = Buffer.concat(chunks);
  const text = bytes.length > 1000 ? createHash('sha1').update(bytes).digest('hex') : bytes.toString();
  return { status: incoming.statusCode, said: incoming.statusMessage, headers, pieces, text };
}

let served;
let errors;
let model;
beforeAll(async () => {
  served = createServer(createContext({ port: 0, host: '127.0.0.1', app: () => app }), {
    installSignalHandlers: false,
  });
  served.on('error', (error) => errors.push(error));
  errors = [];
  await served.start();
  model = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1', overrideGlobalObjects: false });
  if (!model.listening) await once(model, 'listening');
});
afterAll(async () => {
  await served.stop();
  model.closeAllConnections();
  model.close();
});

describe('an application of Hono', () => {
  const form = new URLSearchParams({ name: 'ada', mark: '§' }).toString();
  const asForm = { 'content-type': 'application/x-www-form-urlencoded' };
  it.each([
    ['/', {}],
    ['/', { method: 'HEAD' }],
    ['/json?a=%20b', { headers: { 'x-agent': 'A' } }],
    ['/cookies', {}],
    ['/none', {}],
    ['/same', {}],
    ['/empty', {}],
    ['/away', {}],
    ['/nothing', {}],
    ['/echo', { method: 'POST', body: 'an echo', headers: { 'content-type': 'text/x' } }],
    ['/echo', { method: 'POST' }],
    ['/form', { method: 'POST', body: form, headers: asForm }],
    ['/unread', { method: 'POST', body: 'x'.repeat(300_000) }],
    ['/length', { method: 'POST', body: Buffer.alloc(3_000_000) }],
    ['/large', {}],
    ['/events', {}],
    ['/', { method: 'DELETE', body: 'gone' }],
    ['//double/slash', {}],
  ])('answers %s as its own adapter does: %o', async (path, options) => {
    const answer = await ask(served.getPort(), path, options);
    const expected = await ask(model.address().port, path, options);
    // That a body which is there as a whole has a length is no matter of the adapter.
    const { 'content-length': length, ...headers } = answer.headers;
    const { 'content-length': _length, ...expectedHeaders } = expected.headers;
    const same = { said: '', pieces: '' };
    expect({ ...answer, headers, ...same }).toEqual({ ...expected, headers: expectedHeaders, ...same });
    expect(length ?? answer.pieces ?? answer.status).toBeDefined();
  });

  it('gives a body that is there as a whole its length, and sends what comes bit by bit in pieces', async () => {
    const port = served.getPort();
    expect(await ask(port, '/')).toMatchObject({ headers: { 'content-length': '5' }, pieces: undefined });
    expect(await ask(port, '/empty')).toMatchObject({ headers: { 'content-length': '0' }, text: '' });
    expect(await ask(port, '/events')).toMatchObject({ pieces: 'chunked' });
  });

  it('keeps its cookies apart, and says the status in the words that it was given', async () => {
    const { headers, said } = await ask(served.getPort(), '/cookies');
    expect([headers['set-cookie'], said]).toEqual([['a=1; Path=/', 'b=2'], 'Baked']);
  });

  it('goes on over a connection whose request had a body that nobody read', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const options = { method: 'POST', body: 'x'.repeat(500_000), agent };
    const texts = [];
    for (let round = 0; round < 3; round++)
      texts.push((await ask(served.getPort(), '/unread', options)).text);
    agent.destroy();
    expect(texts).toEqual(Array(3).fill('I did not look'));
  });

  it('hears that its client has gone, and is read no more than the client takes', async () => {
    const before = { ...seen };
    const both = new Promise((resolve) => {
      heard = () => seen.aborted > before.aborted && seen.cancelled > before.cancelled && resolve();
    });
    const outgoing = http.get({ port: served.getPort(), host: '127.0.0.1', path: '/endless', agent: false });
    const [incoming] = await once(outgoing, 'response');
    await once(incoming, 'readable');
    outgoing.destroy();
    await both;
  });

  it('has a connection cut whose body breaks, so that no part passes for the whole', async () => {
    errors = [];
    await expect(ask(served.getPort(), '/breaks')).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(errors).toEqual([expect.objectContaining({ message: 'half' })]);
  });

  it('finds what Node has of a request', async () => {
    expect(await ask(served.getPort(), '/client')).toMatchObject({ text: '127.0.0.1' });
  });

  it.each([
    ['GET http://:bad:/ HTTP/1.1\r\nHost: x', 400],
    ['GET / HTTP/1.1\r\nHost: [', 400],
    ['TRACE / HTTP/1.1\r\nHost: x', 501],
    ['GET http://example.org/json?a=whole HTTP/1.1\r\nHost: example.org', 200],
  ])('is not asked what no Request can be: %j is answered with %i', async (head, status) => {
    const socket = net.connect(served.getPort(), '127.0.0.1').setEncoding('latin1');
    socket.write(`${head}\r\nConnection: close\r\n\r\n`);
    let text = '';
    for await (const chunk of socket) text += chunk;
    expect(text.slice(9, 12)).toBe(String(status));
  });
});

describe('what brings a Response', () => {
  const readsLittle = async (request) => {
    const reader = request.body.getReader();
    await reader.read();
    return new Response('enough');
  };
  it.each([
    ['an object with fetch', { fetch: () => new Response('object') }, 'object'],
    ['fetch alone', new Hono().get('/', (context) => context.text('alone')).fetch, 'alone'],
    ['an async function of one argument', async (request) => new Response(request.method), 'GET'],
  ])('may be %s', async (_what, given, text) => {
    const { url } = await testServer(given);
    expect(await (await fetch(url)).text()).toBe(text);
  });

  it('may leave a body that it has begun to read', async () => {
    const server = await testServer({ fetch: readsLittle });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const options = { method: 'POST', body: Buffer.alloc(1_000_000), agent };
    for (let round = 0; round < 2; round++) {
      expect((await ask(server.getPort(), '/', options)).text).toBe('enough');
    }
    agent.destroy();
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('no luck');
      },
      'no luck',
    ],
    ['rejects', () => Promise.reject(new Error('no luck')), 'no luck'],
    ['brings nothing', () => {}, 'this one returned no Response'],
    [
      'brings a body that was read',
      async () => {
        const used = new Response('x');
        await used.text();
        return used;
      },
      'locked',
    ],
  ])('is answered for with 500 where it %s, and the server hears of it', async (_what, handler, message) => {
    const server = await testServer({ fetch: handler });
    const failures = [];
    server.on('error', (error) => failures.push(error.message));
    expect(await ask(server.getPort(), '/')).toMatchObject({ status: 500, text: '' });
    expect(failures).toEqual([expect.stringContaining(message)]);
  });
});

describe('startServer', () => {
  it.each([
    ['nothing', undefined],
    ['an object that answers nothing', {}],
  ])('refuses %s', async (_what, given) => {
    await expect(startServer(given)).rejects.toMatchObject({ code: 'FLOTILLA_ERR_INVALID_ARGUMENT' });
  });
});

describe('an application in the place of what makes one', () => {
  const express = Object.assign((_request, _response, _next) => {}, { listen() {} });
  it.each([
    ['Express', express],
    ['a function of request and response', (_request, response) => response.end()],
    ['an http.Server', http.createServer()],
    ['Hono', app],
    ['its fetch', app.fetch],
  ])('is refused by createContext and createServer, with what to do: %s', (_what, given) => {
    const refusal = expect.objectContaining({
      code: 'FLOTILLA_ERR_INVALID_ARGUMENT',
      message:
        'app must be a function that makes the application from the context, such as () => app; it is an application',
    });
    expect(() => createContext({ app: given })).toThrow(refusal);
    expect(() => createServer(createContext({ port: 0 }), { app: given })).toThrow(refusal);
  });
});
