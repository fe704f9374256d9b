import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { act, ask, send, startShown, statusOf, token, untilStatus } from '../fixtures/admin.mjs';

/** @type {Awaited<ReturnType<typeof startShown>>} */
let server;
/** @type {(() => void)[]} */
const kills = [];

beforeAll(async () => {
  server = await startShown({ admin: { port: 0, token, actions: true } }, (kill) => kills.push(kill));
});
afterAll(() => {
  for (const kill of kills) kill();
});

const bearer = { authorization: `Bearer ${token}` };
const json = { ...bearer, 'content-type': 'application/json' };
const at = (path) => new URL(path, server.admin);

/** What the server said at the end of the test, by the kind of refusal. */
async function logged() {
  const { stderr } = await new Promise((resolve) => {
    server.ended.then(resolve);
    server.child.kill('SIGTERM');
  });
  return stderr.split('\n').filter((line) => line.includes('the admin port refused'));
}

describe('the admin port refuses', () => {
  it('names that are none of its own (DNS rebinding)', async () => {
    for (const host of ['evil.example', '127.0.0.1.evil.example:80', 'localhost.evil.example']) {
      const { status } = await ask(at('/status.json'), { headers: { ...bearer, host } });
      expect([400, 421], host).toContain(status);
    }
    const none = await send(server.admin, 'GET /status.json HTTP/1.0\r\n\r\n');
    expect(none).toMatch(/^HTTP\/1.1 421 /);
    const empty = await send(
      server.admin,
      'GET /status.json HTTP/1.1\r\nHost: \r\nConnection: close\r\n\r\n',
    );
    expect(empty).toMatch(/^HTTP\/1.1 421 /);
    const two = await send(
      server.admin,
      'GET /live HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n',
    );
    expect(two).toMatch(/^HTTP\/1.1 400 /);
    for (const host of [`localhost:${server.admin.port}`, server.admin.host, '[::1]:1']) {
      const { status } = await ask(at('/live'), { headers: { ...bearer, host } });
      expect(status, host).toBe(200);
    }
  });

  it('pages of other origins', async () => {
    for (const headers of [
      { origin: 'http://evil.example' },
      { origin: 'null' },
      { origin: `http://localhost:${server.admin.port}` },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ]) {
      const read = await ask(at('/status.json'), { headers: { ...bearer, ...headers } });
      expect([read.status, read.headers['access-control-allow-origin']]).toEqual([403, undefined]);
      expect((await act(server.admin, 'restart', {}, headers)).status).toBe(403);
    }
    expect((await ask(at('/actions/restart'), { method: 'OPTIONS', headers: bearer })).status).toBe(405);
  });

  it('requests with no token, and with a wrong one', async () => {
    for (const authorization of [
      undefined,
      '',
      'Bearer',
      'Bearer ',
      `Bearer ${token}x`,
      `Bearer ${token.slice(0, -1)}`,
      `Bearer ${token}${token}`,
      `Basic ${Buffer.from(`x:${token}`).toString('base64')}`,
    ]) {
      const headers = authorization === undefined ? {} : { authorization };
      expect((await ask(at('/status.json'), { headers })).status, authorization).toBe(401);
      const asked = { method: 'POST', headers: { ...headers, 'content-type': 'application/json' } };
      expect((await ask(at('/actions/restart'), asked, '{}')).status, authorization).toBe(401);
    }
    expect((await ask(at(`/status.json?token=${token}`))).status).toBe(401);
  });

  it('actions by GET, as a form, and those that are none', async () => {
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE']) {
      expect((await ask(at('/actions/restart'), { method, headers: bearer })).status, method).toBe(405);
    }
    const form = { ...bearer, 'content-type': 'application/x-www-form-urlencoded' };
    expect((await ask(at('/actions/restart'), { method: 'POST', headers: form }, 'a=b')).status).toBe(415);
    for (const [action, body, status] of [
      ['shutdown', {}, 404],
      ['constructor', {}, 404],
      ['restart', { server: 'another' }, 404],
      ['kill', {}, 409],
      ['kill', { worker: 'worker-7' }, 409],
      ['kill', { worker: '__proto__' }, 409],
      ['scale', {}, 409],
      ['scale', { workers: 0 }, 409],
      ['scale', { workers: 1e9 }, 409],
      ['scale', { workers: '-1' }, 409],
    ]) {
      expect(
        (await act(server.admin, String(action), body)).status,
        `${action} ${JSON.stringify(body)}`,
      ).toBe(status);
    }
    for (const body of ['', '[]', 'null', '{"a":', '\u0000', '"x"']) {
      const { status } = await ask(at('/actions/kill'), { method: 'POST', headers: json }, body);
      expect([400, 409], body).toContain(status);
    }
  });

  it('what is too long, and what is no HTTP', async () => {
    const long = (count) => 'x'.repeat(count);
    const host = 'Host: 127.0.0.1\r\n';
    for (const [bytes, status] of [
      [`GET /${long(5000)} HTTP/1.1\r\n${host}\r\n`, 414],
      [`GET /${long(100_000)}`, 414],
      [`GET / HTTP/1.1\r\n${host}a: ${long(20_000)}\r\n\r\n`, 431],
      [`POST /actions/kill HTTP/1.1\r\n${host}Content-Length: 999999\r\n\r\n`, 413],
      [`POST /actions/kill HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 411],
      ['\x16\x03\x01\x02\x00\x01\x00', 400],
      ['SSH-2.0-OpenSSH_9.9\r\n\r\n', 400],
    ]) {
      expect(await send(server.admin, String(bytes)), String(bytes).slice(0, 20)).toMatch(
        new RegExp(`^HTTP/1.1 ${status} |^$`),
      );
    }
  });

  it('to be kept busy by 1,000 connections that say nothing, or little', async () => {
    const sockets = Array.from({ length: 1000 }, (_, number) => {
      const socket = connect(Number(server.admin.port), server.admin.hostname);
      socket.on('error', () => {});
      if (number % 2) socket.write('GET /status.json HTTP/1.1\r\nHost: ');
      return socket;
    });
    await Promise.all(sockets.map((socket) => (socket.connecting ? once(socket, 'connect') : undefined)));
    const begun = Date.now();
    expect((await statusOf(server.admin)).version).toBe(1);
    expect(Date.now() - begun).toBeLessThan(2000);
    const slow = connect(Number(server.admin.port), server.admin.hostname);
    slow.on('error', () => {});
    const closed = new Promise((resolve) => slow.once('close', resolve));
    const dripping = setInterval(() => slow.write('a'), 100);
    slow.write('GET /live HTTP/1.1\r\nHost: localhost\r\na: ');
    // However slowly it goes on: its time is over after five seconds.
    await closed;
    clearInterval(dripping);
    expect(Date.now() - begun).toBeLessThan(20_000);
    for (const socket of sockets) socket.destroy();
  });

  it('each of these harmlessly, and tells the log of each kind once', async () => {
    const { servers } = await statusOf(server.admin);
    expect(servers[0]).toMatchObject({ ends: {}, restarts: { succeeded: 0, failed: 0 }, lastAction: null });
    const lines = await logged();
    expect(new Set(lines).size).toBe(lines.length);
    for (const what of [
      'Host header',
      'another origin',
      'token',
      'this method',
      'application/json',
      'cannot|none',
      'connections',
    ]) {
      expect(lines.filter((line) => new RegExp(what).test(line)).length, what).toBeGreaterThan(0);
    }
    expect(lines.join()).not.toContain(token);
  });
});

describe('actions', () => {
  it('kill a worker, scale and restart the server, and say what became of it', async () => {
    const shown = await startShown({ admin: { port: 0, token, actions: true } });
    const { admin } = shown;
    const ready = (workers) => workers.filter(({ state }) => state === 'ready').length;
    await untilStatus(admin, ({ servers: [each] }) => ready(each.workers) === 2);
    expect((await act(admin, 'kill', { worker: 'worker-1' })).status).toBe(202);
    await untilStatus(admin, ({ servers: [each] }) => each.ends.SIGKILL === 1 && ready(each.workers) === 2);
    expect((await act(admin, 'scale', { workers: 3 })).status).toBe(202);
    await untilStatus(admin, ({ servers: [each] }) => ready(each.workers) === 3);
    expect((await act(admin, 'scale', { workers: 1 })).status).toBe(202);
    const one = await untilStatus(admin, ({ servers: [each] }) => each.workers.length === 1);
    expect(one.servers[0].ends).toEqual({ SIGKILL: 1, left: 2 });
    const { status, text } = await act(admin, 'restart', { server: 'startServer' });
    expect([status, JSON.parse(text)]).toEqual([202, { accepted: 'restart', server: 'startServer' }]);
    const { servers } = await untilStatus(admin, (status) => status.servers[0].lastAction.outcome === 'done');
    expect(servers[0]).toMatchObject({ generation: 2, restarts: { succeeded: 1 }, state: 'ready' });
    expect((await ask(shown.url)).status).toBe(200);
  });

  it('are off unless they were asked for', async () => {
    const { admin } = await startShown({ admin: { port: 0, token } });
    expect((await act(admin, 'restart')).status).toBe(403);
  });
});
