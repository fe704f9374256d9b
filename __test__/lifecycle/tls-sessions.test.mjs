// Sessions of TLS: a client takes one up again wherever its next connection goes.

import { once } from 'node:events';
import https from 'node:https';
import { createRequire } from 'node:module';
import tls from 'node:tls';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { certificate, serving, until } from '../fixtures/clustered.mjs';
import { startedServer } from '../fixtures/lifecycle.mjs';

const { TicketKeys, wantsTicketKeys } = createRequire(import.meta.url)('../../lib/http/ticket-keys.js');

/** One request over a connection of its own: whether its session was known, and what takes the next one up. */
async function visit(port, session) {
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, session });
  onTestFinished(() => void socket.destroy());
  let next;
  let known = false;
  // Afterwards there is nobody to ask.
  socket.once('secureConnect', () => {
    known = socket.isSessionReused();
  });
  socket.on('session', (told) => {
    next = told;
  });
  socket.write('GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n');
  const chunks = await socket.setEncoding('utf8').toArray();
  return { known, session: next, pid: /"pid":(\d+)/.exec(chunks.join(''))?.[1] };
}

const ways = process.platform === 'linux' ? [{ mode: 'handoff' }, { mode: 'proxy' }] : [{}];

describe('a session of TLS', () => {
  it.each(ways)('is known to every worker, and to those after a restart: %j', async (way) => {
    const { port, signal, restarts } = await serving({ workers: 2, tls: certificate(), ...way });
    const { session } = await visit(port);
    const pids = new Set();
    for (const generations of [2, 4]) {
      for (let turn = 0; pids.size < generations || turn < 6; turn++) {
        const { known, pid } = await visit(port, session);
        expect(known).toBe(true);
        pids.add(pid);
      }
      if (generations === 4) return;
      signal('SIGUSR2');
      await until(() => restarts() === 1);
    }
  });

  it('is known after a restart in one process', async () => {
    const app = () => https.createServer(certificate(), (_, response) => response.end('{"pid":1}'));
    const { server } = await startedServer(app);
    const { session } = await visit(server.getPort());
    await server.restart();
    expect((await visit(server.getPort(), session)).known).toBe(true);
  });
});

describe('the keys of sessions', () => {
  const servers = [];
  async function listening(options) {
    const server = https.createServer({ ...certificate(), ...options }, (_, response) => response.end());
    onTestFinished(() => void server.close());
    servers.push(server);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return { server, port: server.address().port };
  }

  it('change twice a day, everywhere at once, and stay when a certificate is renewed', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    onTestFinished(() => void vi.useRealTimers());
    const [one, other] = [await listening(), await listening()];
    const keys = new TicketKeys();
    const copy = new TicketKeys(Buffer.from(keys.text, 'base64'));
    keys.change((text) => copy.take(Buffer.from(text, 'base64')));
    onTestFinished(() => keys.end());
    keys.serve(one.server);
    copy.serve(other.server);
    const { session } = await visit(one.port);
    expect((await visit(other.port, session)).known).toBe(true);
    other.server.setSecureContext(certificate());
    expect((await visit(other.port, session)).known).toBe(true);
    vi.advanceTimersByTime(12 * 60 * 60 * 1000);
    expect((await visit(other.port, session)).known).toBe(false);
    const { session: later } = await visit(one.port);
    expect((await visit(other.port, later)).known).toBe(true);
  });

  it('of a program’s own are left alone', async () => {
    const own = Buffer.alloc(48, 7);
    const given = await listening({ ticketKeys: own });
    expect(wantsTicketKeys(given.server)).toBe(false);
    const later = await listening();
    const keys = new TicketKeys();
    keys.serve(later.server);
    later.server.setTicketKeys(own);
    keys.take(Buffer.alloc(48, 9));
    expect(later.server.getTicketKeys().equals(own)).toBe(true);
  });
});
