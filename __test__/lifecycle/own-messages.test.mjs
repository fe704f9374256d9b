// Requests and responses of Express: made by Node as Express wants them, and as Node wants them for everybody else.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import http from 'node:http';
import { setFlagsFromString } from 'node:v8';
import express from 'express';
import express4 from 'express4';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { keptConnection, request, startedServer } from '../fixtures/lifecycle.mjs';

/** What Node makes before anybody is told of it: the prototypes of each request and of its response. */
function made() {
  const prototypes = [];
  const look = ({ request, response }) =>
    prototypes.push([request, response].map((message) => Object.getPrototypeOf(message)));
  subscribe('http.server.request.start', look);
  onTestFinished(() => unsubscribe('http.server.request.start', look));
  return prototypes;
}

/** Whether V8 keeps the properties of an object in places that it knows, and not in a hash table. */
function keepsFastProperties(object) {
  setFlagsFromString('--allow-natives-syntax');
  try {
    return new Function('object', 'return %HasFastProperties(object)')(object);
  } finally {
    setFlagsFromString('--no-allow-natives-syntax');
  }
}

const plain = [http.IncomingMessage.prototype, http.ServerResponse.prototype];
const hello = (app) =>
  app.get('/:name', (request, response) => void response.send(`hello ${request.params.name}`));

describe('what Node makes for', () => {
  it.each([
    ['Express 5', express, (app) => app],
    ['Express 4', express4, (app) => app],
    ['a server of Express 5', express, http.createServer],
  ])('%s is its own from the beginning, and has all that was added to it', async (_, make, form) => {
    const prototypes = made();
    const app = hello(make());
    const { url } = await startedServer(() => form(app));
    app.response.send = function send(text) {
      this.set('x-sent', this.req.get('host')).end(text);
    };
    const { text, headers } = await request(url('/you'));
    expect([text, headers['x-sent']]).toEqual(['hello you', new URL(url()).host]);
    expect(prototypes).toEqual([[app.request, app.response]]);
    expect(prototypes[0][0]).toBe(app.request);
  });

  it('Express keeps its properties where V8 reads them fastest', async () => {
    const messages = [];
    const app = hello(express()).use((request, response) => {
      messages.push([request, response]);
      response.send('seen');
    });
    const { url } = await startedServer(() => app);
    // V8 decides after some objects of a kind how much room the next ones get.
    for (let turn = 0; turn < 20; turn++) await request(url('/a/b'));
    expect(messages.at(-1).map(keepsFastProperties)).toEqual([true, true]);
  });

  class Request extends http.IncomingMessage {}
  it.each([
    ['a function', () => (_request, response) => response.end(), plain],
    [
      'a function that asks Express',
      () =>
        (...messages) =>
          hello(express())(...messages),
      plain,
    ],
    ['a server with two listeners', () => http.createServer(hello(express())).on('request', () => {}), plain],
    [
      'a server with a class of its own',
      () => http.createServer({ IncomingMessage: Request }, hello(express())),
      [Request.prototype, plain[1]],
    ],
  ])('%s is what it would be', async (_, app, expected) => {
    const prototypes = made();
    const { url } = await startedServer(app);
    expect((await request(url('/you'))).status).toBe(200);
    expect(prototypes).toHaveLength(1);
    for (const [index, prototype] of prototypes[0].entries()) expect(prototype).toBe(expected[index]);
  });

  it('an application that follows one of Express on the same connection is plain', async () => {
    const prototypes = made();
    const another = (_request, response) => response.end('another');
    const { server, url } = await startedServer(({ generation }) =>
      generation === 2 ? another : hello(express()),
    );
    const agent = keptConnection();
    const answers = [];
    for (let turn = 0; turn < 3; turn++) {
      answers.push(await request(url('/you'), { agent }));
      await server.restart();
    }
    expect(answers.map(({ text }) => text)).toEqual(['hello you', 'another', 'hello you']);
    expect(answers.map(({ reused }) => reused)).toEqual([false, true, true]);
    expect(prototypes.map(([request]) => request === plain[0])).toEqual([false, true, true]);
  });
});

describe('beside an application of Express', () => {
  it('who hears of upgrades and of `Expect` gets plain messages, and may write to them', async () => {
    const told = [];
    const see = (request, response) => {
      // Express has a `query` that cannot be written to.
      request.query = { seen: true };
      told.push([request, response].map((message) => message && Object.getPrototypeOf(message)));
    };
    const { url, server } = await startedServer(() =>
      http
        .createServer(hello(express()))
        .on('upgrade', (request, socket) => {
          see(request);
          socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
        })
        .on('checkContinue', (request, response) => {
          see(request, response);
          response.end('checked');
        }),
    );
    const socket = new WebSocket(`ws://127.0.0.1:${server.getPort()}/`);
    await once(socket, 'error');
    const options = { method: 'POST', headers: { expect: '100-continue' } };
    expect((await request(url(), options)).text).toBe('checked');
    expect(told[0][0]).toBe(plain[0]);
    for (const [index, prototype] of plain.entries()) expect(told[1][index]).toBe(prototype);
    expect((await request(url('/you'))).text).toBe('hello you');
  });
});

describe('a server that is given back', () => {
  it('is as it was', async () => {
    const prototypes = made();
    const own = http.createServer(hello(express()));
    const { server, url } = await startedServer(() => own);
    await request(url('/you'));
    await server.stop();
    own.listen(0, '127.0.0.1');
    onTestFinished(() => own.close());
    await once(own, 'listening');
    expect((await request(`http://127.0.0.1:${own.address().port}/me`)).text).toBe('hello me');
    expect(prototypes.map(([request]) => request === plain[0])).toEqual([false, true]);
  });
});
