// Express and Fastify with the ready-made middleware and plugin: whatever a request does, it sees its own state, and
// its scope goes when it ends.

import { EventEmitter, once } from 'node:events';
import http from 'node:http';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import Fastify from 'fastify';
import { computed, signal } from 'flotilla/core';
import { createServerScope, scopeMiddleware, scopePlugin } from 'flotilla/server';
import { describe, expect, it, onTestFinished } from 'vitest';
import { serve } from '../fixtures/servers.mjs';

const user = signal('nobody');
const greeting = computed(() => `Hello ${user.get()}`);

/** A server scope whose evictions can be awaited. */
function observedScope(options) {
  const events = new EventEmitter();
  const server = createServerScope({ ...options, onEvict: (id) => events.emit('evicted', id) });
  const empty = async () => {
    while (server.size > 0) await once(events, 'evicted');
  };
  return { server, empty };
}

/** What every handler does: writes, waits in one way or another, and tells what it sees then. */
async function work(name, turn) {
  user.set(name);
  const seen = [];
  for (let step = 0; step < 4; step++) {
    const ways = [() => null, () => sleep(turn % 3), () => nextTurn(), () => new Promise(process.nextTick)];
    await ways[(turn + step) % ways.length]();
    seen.push(greeting.get());
    user.set(`${name}.${step}`);
  }
  return { seen, last: user.get() };
}

const expectedWork = (name) => ({
  seen: [`Hello ${name}`, `Hello ${name}.0`, `Hello ${name}.1`, `Hello ${name}.2`],
  last: `${name}.3`,
});

const post = async (url, body) => {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return response.json();
};

async function viaExpress({ server }, setUp) {
  const app = express();
  app.use(scopeMiddleware(server));
  app.use(express.json());
  app.post('/work', async (req, res) => res.json(await work(req.body.name, req.body.turn)));
  setUp?.(app);
  return serve(app);
}

async function viaFastify({ server }, setUp) {
  const app = Fastify({ forceCloseConnections: true });
  app.register(scopePlugin(server));
  app.post('/work', async (req) => work(req.body.name, req.body.turn));
  setUp?.(app);
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  onTestFinished(() => app.close());
  return url;
}

describe.each([
  ['Express', viaExpress],
  ['Fastify', viaFastify],
])('%s', (_name, via) => {
  it('1,000 requests at once, with bodies, awaits, timers and computeds, each see their own state', async () => {
    const observed = observedScope();
    const url = await via(observed);
    const names = Array.from({ length: 1_000 }, (_, index) => `user ${index}`);
    const answers = await Promise.all(names.map((name, turn) => post(`${url}/work`, { name, turn })));
    expect(answers).toEqual(names.map(expectedWork));
    expect([user.get(), greeting.get()]).toEqual(['nobody', 'Hello nobody']);
    await observed.empty();
  });

  it('requests in flight survive the eviction of their scopes', async () => {
    const observed = observedScope({ maxEntries: 3 });
    const url = await via(observed);
    const names = Array.from({ length: 100 }, (_, index) => `user ${index}`);
    const answers = await Promise.all(names.map((name, turn) => post(`${url}/work`, { name, turn })));
    expect(answers).toEqual(names.map(expectedWork));
    await observed.empty();
  });

  it('requests in flight survive the end of the server scope', async () => {
    const observed = observedScope();
    const requests = new EventEmitter();
    const gate = once(requests, 'open');
    let waiting = 0;
    const url = await via(observed, (app) => {
      app.post('/held', async (req, res) => {
        user.set(req.body.name);
        waiting++;
        requests.emit('waiting');
        await gate;
        return res.send({ greeting: greeting.get() });
      });
    });
    const names = Array.from({ length: 20 }, (_, index) => `user ${index}`);
    const answers = Promise.all(names.map((name) => post(`${url}/held`, { name })));
    while (waiting < names.length) await once(requests, 'waiting');
    observed.server.destroy();
    requests.emit('open');
    expect(await answers).toEqual(names.map((name) => ({ greeting: `Hello ${name}` })));
    // Those that come later are refused.
    expect((await fetch(`${url}/held`, { method: 'POST' })).status).toBe(500);
  });
});

/** Sends a body in parts, so that each arrives as an event of the socket. */
async function postInParts(url, parts) {
  const request = http.request(url, { method: 'POST', headers: { 'content-type': 'text/plain' } });
  // Asked for before anything is sent: a handler may answer the first part.
  const answered = once(request, 'response');
  for (const part of parts) {
    request.write(part);
    await sleep(2);
  }
  request.end();
  const [response] = await answered;
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += part;
  return text;
}

describe('the scope follows the request through', () => {
  const asked = (handler) => async (names) => {
    const observed = observedScope();
    const url = await viaExpress(observed, (app) => {
      app.post('/stream', (req, res, next) => {
        user.set(req.headers['x-user'] ?? String(req.query.user));
        handler(req, res, next);
      });
    });
    const answers = await Promise.all(
      names.map((name) => postInParts(`${url}/stream?user=${name}`, ['a', 'b', 'c'])),
    );
    await observed.empty();
    return answers;
  };
  const names = Array.from({ length: 20 }, (_, index) => `user${index}`);

  it('listeners of the request’s stream', async () => {
    const ask = asked((req, res) => {
      const seen = [];
      req.on('data', (part) => seen.push(`${part}:${user.get()}`));
      req.on('end', () => res.end(`${seen.join()} ${greeting.get()}`));
    });
    expect(await ask(names)).toEqual(names.map((name) => `a:${name},b:${name},c:${name} Hello ${name}`));
  });

  it('for await over the request', async () => {
    const ask = asked(async (req, res) => {
      let text = '';
      for await (const part of req) text += `${part}:${user.get()} `;
      res.end(text);
    });
    expect(await ask(names)).toEqual(names.map((name) => `a:${name} b:${name} c:${name} `));
  });

  it('a pipeline from the request to the response', async () => {
    const ask = asked(async (req, res) => {
      const tagged = new Transform({
        transform: (part, _encoding, done) => done(null, `${part}:${user.get()} `),
        flush: (done) => done(null, greeting.get()),
      });
      await pipeline(req, tagged, res);
    });
    expect(await ask(names)).toEqual(names.map((name) => `a:${name} b:${name} c:${name} Hello ${name}`));
  });

  it('the events of the response', async () => {
    const finished = [];
    const ask = asked((req, res) => {
      res.on('finish', () => finished.push(user.get()));
      req.resume().on('end', () => res.end('done'));
    });
    await ask(names);
    expect(finished.sort()).toEqual([...names].sort());
  });

  it('every body parser of Express', async () => {
    const observed = observedScope();
    const url = await viaExpress(observed, (app) => {
      const before = (req, _res, next) => {
        user.set(String(req.query.user));
        next();
      };
      app.post('/body', before, express.text(), express.urlencoded(), express.raw(), (_req, res) => {
        res.end(greeting.get());
      });
    });
    const answers = await Promise.all(
      names.map((name) => postInParts(`${url}/body?user=${name}`, ['x', 'y'])),
    );
    expect(answers).toEqual(names.map((name) => `Hello ${name}`));
    await observed.empty();
  });

  it('errors, thrown and rejected, to the error handler', async () => {
    const observed = observedScope();
    const url = await viaExpress(observed, (app) => {
      app.get('/error', async (req, _res) => {
        user.set(String(req.query.user));
        if (req.query.late) await sleep(1);
        throw new Error('on purpose');
      });
      app.use((error, _req, res, _next) => {
        res.status(500).end(`${error.message}: ${greeting.get()}`);
      });
    });
    const answers = await Promise.all(
      names.map(async (name, turn) => {
        const response = await fetch(`${url}/error?user=${name}${turn % 2 ? '&late=1' : ''}`);
        return response.text();
      }),
    );
    expect(answers).toEqual(names.map((name) => `on purpose: Hello ${name}`));
    await observed.empty();
  });
});

describe('a client that goes away', () => {
  it('while its request is worked on takes the scope with it, and the handler may go on', async () => {
    const observed = observedScope();
    const started = new EventEmitter();
    let release;
    const held = new Promise((resolve) => {
      release = resolve;
    });
    const after = [];
    const url = await viaExpress(observed, (app) => {
      app.get('/slow', async (_req, res) => {
        user.set('gone');
        res.on('close', () => after.push(`closed: ${user.get()}`));
        started.emit('request');
        await held;
        after.push(greeting.get());
        res.end('nobody listens');
      });
    });
    const request = http.get(`${url}/slow`);
    request.on('error', () => {});
    await once(started, 'request');
    expect(observed.server.size).toBe(1);
    request.destroy();
    await observed.empty();
    release();
    await nextTurn();
    expect(after).toEqual(['closed: gone', 'Hello gone']);
  });

  it('in the middle of its body takes the scope with it, in Fastify too', async () => {
    const observed = observedScope();
    const url = await viaFastify(observed);
    const request = http.request(`${url}/work`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': 100 },
    });
    request.on('error', () => {});
    request.write('{');
    while (observed.server.size === 0) await nextTurn();
    request.destroy();
    await observed.empty();
  });

  it('and an ordinary end give one eviction each', async () => {
    const evicted = [];
    const server = createServerScope({ onEvict: (id) => evicted.push(id) });
    const url = await viaExpress({ server });
    for (let turn = 0; turn < 5; turn++) await post(`${url}/work`, { name: 'x', turn });
    while (server.size > 0) await nextTurn();
    expect(evicted).toEqual(['ss_0', 'ss_1', 'ss_2', 'ss_3', 'ss_4']);
  });
});

it.each([
  ['scopeMiddleware', scopeMiddleware],
  ['scopePlugin', scopePlugin],
])('%s takes nothing but a server scope', (_name, make) => {
  for (const wrong of [undefined, {}, createServerScope().fork()]) {
    expect(() => make(wrong)).toThrow(
      expect.objectContaining({ name: 'TypeError', code: 'FLOTILLA_ERR_INVALID_ARGUMENT' }),
    );
  }
});
