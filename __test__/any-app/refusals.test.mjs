// Programs that cannot be served, and new code that cannot take the place of the old: each is told by a code, and whoever
// serves goes on.

import { writeFileSync } from 'node:fs';
import net from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { anyApp, load, program, serving, whole } from '../fixtures/any-app.mjs';
import { request } from '../fixtures/lifecycle.mjs';
import { freePort } from '../fixtures/ports.mjs';

const listening = (port, host = "'127.0.0.1'") =>
  `require('node:http').createServer((_, response) => response.end('here')).listen(${port}, ${host});`;

/** A port that somebody else listens on. */
async function taken() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => server.close());
  return server.address().port;
}

describe('a program is refused that', () => {
  it.each([
    ['throws', "throw new Error('no such thing');", /ended with code 1 before it listened/],
    ['exits at once', 'process.exit(7);', /ended with code 7 before it listened/],
    ['has nothing to do', "console.log('done');", /ended with code 0 before it listened/],
    ['listens on nothing', 'setInterval(() => {}, 1000);', /listened on nothing within 1000 ms/, 1000],
  ])('%s', async (_, text, message, readyTimeout = 30_000) => {
    const app = anyApp(program(text), { readyTimeout });
    await expect(app.start()).rejects.toMatchObject({
      code: 'FLOTILLA_ERR_NOT_LISTENING',
      message: expect.stringMatching(message),
    });
    expect((await app.status()).workers).toEqual([]);
  });

  it('listens where somebody else does', async () => {
    const port = await taken();
    const app = anyApp(program(listening(port)));
    await expect(app.start()).rejects.toMatchObject({
      code: 'FLOTILLA_ERR_ADDRESS_IN_USE',
      message: expect.stringContaining(`port ${port}`),
    });
  });

  it('listens on one port twice', async () => {
    const port = await freePort();
    const app = anyApp(program(listening(port) + listening(port)));
    await expect(app.start()).rejects.toMatchObject({
      code: 'FLOTILLA_ERR_LISTENS_TWICE',
      message: expect.stringContaining(`${port} twice`),
    });
  });

  it('is there, and never says that it is ready', async () => {
    const app = anyApp(program(listening(0)), { ready: 'message', readyTimeout: 1000 });
    await expect(app.start()).rejects.toMatchObject({
      code: 'FLOTILLA_ERR_NOT_LISTENING',
      message: expect.stringContaining("process.send('ready') within 1000 ms"),
    });
  });
});

describe('a port that is taken', () => {
  it('is told to the program as Node tells it, which may try another', async () => {
    const port = await taken();
    const app = await serving(
      program(`const server = require('node:http').createServer((_, response) => response.end('here'));
        server.on('error', ({ code, syscall, port }) => { console.log(code, port); server.listen(0, '127.0.0.1'); });
        server.listen(${port}, '127.0.0.1');`),
    );
    await app.event('line', ({ line }) => line === `EADDRINUSE ${port}`);
    expect((await request(app.url(), { agent: false })).text).toBe('here');
  });
});

describe('new code', () => {
  it('that cannot take the place of the old does not, and nobody notices', async () => {
    const file = program(listening(0));
    const app = await serving(file, { readyTimeout: 10_000, env: { KEPT: 'yes' } });
    const before = await whole(app);
    const clients = load(app.url());
    const refused = async (text, code, message) => {
      writeFileSync(file, text);
      await expect(app.restart({ env: { KEPT: 'no' } })).rejects.toMatchObject({
        code,
        message: expect.stringMatching(message),
      });
    };
    await refused('syntax error', 'FLOTILLA_ERR_NOT_LISTENING', /ended with code 1/);
    await refused(
      'setInterval(() => {}, 1000)',
      'FLOTILLA_ERR_NOT_LISTENING',
      /did not listen on 127\.0\.0\.1:\d+ within/,
    );
    const another = await freePort();
    await refused(
      listening(another),
      'FLOTILLA_ERR_ADDRESS_CHANGED',
      new RegExp(`listens on 127.0.0.1:${another}, and not on 127.0.0.1:${app.port}`),
    );
    const after = await whole(app);
    expect(after.map(({ pid }) => pid)).toEqual(before.map(({ pid }) => pid));
    // What only the new code listened on is free again.
    expect((await app.status()).addresses).toHaveLength(1);
    const { failures, answered } = await clients.stop();
    expect(failures).toEqual([]);
    expect(answered).toBeGreaterThan(0);
  });
});

describe('readiness', () => {
  it('may be what the program says', async () => {
    const app = await serving(
      program(`${listening(0)} setTimeout(() => { console.log('says so'); process.send('ready'); }, 300);`),
      { ready: 'message' },
    );
    expect(app.written()).toContain('says so');
    expect((await request(app.url(), { agent: false })).text).toBe('here');
  });

  it('may be that of a program which listens on nothing', async () => {
    const app = anyApp(program("setInterval(() => {}, 1000); process.send('ready');"), { ready: 'message' });
    await app.start();
    expect(await whole(app)).toHaveLength(2);
    expect(await app.stop()).toBe(true);
  });

  it('may be the answer to a path, which no client has asked for', async () => {
    const app = await serving(
      program(`const since = Date.now();
        require('node:http').createServer((request, response) => {
          if (request.url !== '/up') return response.end('here');
          console.log('asked');
          response.writeHead(Date.now() - since > 400 ? 200 : 503).end();
        }).listen(0, '127.0.0.1');`),
      { ready: '/up', workers: 1 },
    );
    expect(app.written().length).toBeGreaterThan(1);
    expect((await request(app.url(), { agent: false })).text).toBe('here');
  });
});
