// What goes over connections that move from worker to worker all the time: bodies that are large, ends of one side, and
// connections that become something else.

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { ask, keepAlive } from '../fixtures/balanced-server.mjs';
import { handoffFront } from '../fixtures/handoff-front.mjs';

/** Two workers that give back whatever they can, every two milliseconds. */
async function churning(app) {
  const made = await handoffFront({ app });
  for (const worker of made.workers) expect(await worker.tell('churn')).toBe('churning');
  return made;
}

/** Asks over a connection until it has moved so many times, whoever's the moves are. */
async function moved(front, count, turn) {
  const before = front.counts().moved;
  while (front.counts().moved < before + count) await turn();
}

function connect(port) {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }).setEncoding('latin1');
  onTestFinished(() => void socket.destroy());
  let text = '';
  socket.on('data', (part) => {
    text += part;
  });
  return {
    socket,
    /** Sends, and reads until there is what is looked for; gives what was read since the last time. */
    async exchange(bytes, pattern) {
      text = '';
      socket.write(bytes);
      while (!pattern.test(text)) await once(socket, 'data');
      return text;
    },
  };
}

const get = (target, more = '') => `GET ${target} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
const digest = (bytes) => createHash('sha1').update(bytes).digest('hex');

describe.skipIf(process.platform !== 'linux')('over connections that move', () => {
  it('large bodies come and go whole', async () => {
    const { front, url } = await churning();
    const agents = Array.from({ length: 4 }, keepAlive);
    const body = randomBytes(1_500_000).toString('base64');
    const turn = () =>
      Promise.all(
        agents.map(async (agent, index) => {
          const sent = body.slice(index * 1000);
          const { status, text } = await ask(url, { agent, method: 'POST', body: sent });
          expect([status, digest(text)]).toEqual([200, digest(sent)]);
          await ask(url, { agent });
        }),
      );
    await moved(front, 10, turn);
    expect(front.counts()).toMatchObject({ accepted: 4, failed: 0 });
  });

  it('a client that ends its side gets the answer, and then the end', async () => {
    const { front, port } = await churning();
    for (let times = 0; times < 3; times++) {
      const { socket, exchange } = connect(port);
      await moved(front, 3, () => exchange(get('/'), / \/ x$/));
      const end = once(socket, 'end');
      const last = exchange(get('/last'), / \/last x$/);
      socket.end();
      expect(await last).toContain('200 OK');
      await end;
    }
  });

  it('one that stays idle is closed when its time is over, which moves with it, and without a word', async () => {
    const { front, port } = await churning('hasty');
    const { socket, exchange } = connect(port);
    await moved(front, 3, () => exchange(get('/'), / \/ x$/));
    // Longer than the server would wait for the head of a request of a new connection.
    await setTimeout(600);
    expect(await exchange(get('/again'), / \/again x$/)).toContain('200 OK');
    const [began, before] = [performance.now(), front.counts().moved];
    const said = vi.fn();
    socket.on('data', said);
    await once(socket, 'end');
    const passed = performance.now() - began;
    expect(passed).toBeGreaterThan(950);
    // Node 20 adds a second.
    expect(passed).toBeLessThan(3000);
    expect(front.counts().moved).toBeGreaterThan(before + 10);
    expect(said).not.toHaveBeenCalled();
  });

  it('one that has brought nothing is closed as late as it would have been, and without a word', async () => {
    const { front, port } = await churning('hasty');
    const { socket } = connect(port);
    const [said, began] = [vi.fn(), performance.now()];
    socket.on('data', said);
    await once(socket, 'end');
    expect(performance.now() - began).toBeGreaterThan(250);
    expect(front.counts().moved).toBeGreaterThan(10);
    expect(said).not.toHaveBeenCalled();
  });

  it('one that may stay idle for ever does', async () => {
    const { front, port } = await churning('patient');
    const { exchange } = connect(port);
    await moved(front, 3, () => exchange(get('/'), / \/ x$/));
    await setTimeout(600);
    expect(await exchange(get('/again'), / \/again x$/)).toMatch(/^HTTP\/1.1 200 OK/);
  });

  it('one that is upgraded stays where it is, with all that goes over it', async () => {
    const { front, port } = await churning();
    const upgraded = connect(port);
    await moved(front, 3, () => upgraded.exchange(get('/'), / \/ x$/));
    await upgraded.exchange(get('/', 'Connection: Upgrade\r\nUpgrade: echo\r\n'), /\r\n\r\n/);
    const other = connect(port);
    let count = 0;
    await moved(front, 20, async () => {
      await other.exchange(get('/'), / \/ x$/);
      const said = `message ${count++} ${'x'.repeat(count * 50)}.`;
      expect(await upgraded.exchange(said, /\.$/)).toBe(said);
    });
    const end = once(upgraded.socket, 'end');
    upgraded.socket.end();
    await end;
  });
});
