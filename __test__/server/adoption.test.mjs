// Connections that outlive their worker: what goes on with another one after `kill -9`, and what ends.

import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import net from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { handoffFront } from '../fixtures/handoff-front.mjs';

const onLinux = describe.skipIf(process.platform !== 'linux');
const get = (target, more = '') => `GET ${target} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;

/** A client that sends bytes as they are, and reads one answer at a time. */
class Client {
  #text = '';
  /** @type {(() => void) | undefined} */
  #changed;
  ended = false;

  constructor(where) {
    this.socket = net.connect(where).setEncoding('utf8');
    onTestFinished(() => void this.socket.destroy());
    const changed = () => this.#changed?.();
    this.socket.on('error', () => {});
    this.socket.on('data', (text) => {
      this.#text += text;
      changed();
    });
    this.socket.on('close', () => {
      this.ended = true;
      changed();
    });
  }

  send(bytes) {
    this.socket.write(bytes);
    return this;
  }

  /** The worker and the body of the next answer; nothing if the connection ends before. */
  async answer() {
    for (;;) {
      const start = this.#text.indexOf('\r\n\r\n') + 4;
      const head = this.#text.slice(0, start);
      const end = start + Number(head.match(/content-length: (\d+)/i)?.[1]);
      if (start > 4 && this.#text.length >= end) {
        const body = this.#text.slice(start, end);
        this.#text = this.#text.slice(end);
        return { worker: head.match(/x-worker: (\S+)/)?.[1], body };
      }
      if (this.ended) return undefined;
      await new Promise((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  ask(target) {
    return this.send(get(target)).answer();
  }
}

const descriptors = () => readdirSync('/proc/self/fd').length;

/** Resolves when the primary holds so many connections beside their workers. */
const holds = (front, count) =>
  vi.waitFor(() => expect(front.counts().held).toBe(count), { timeout: 10_000, interval: 10 });

/** Kills a worker when it has come to the end of what it does. */
async function kill(worker) {
  await worker.tell('look');
  worker.child.kill('SIGKILL');
  await worker.ended;
}

/** A worker with so many connections, each held by the primary too. */
async function withHeld(count, options) {
  const served = await handoffFront({ workers: 1, ...options });
  const before = descriptors();
  const clients = Array.from({ length: count }, () => new Client({ port: served.port, host: '127.0.0.1' }));
  await Promise.all(clients.map((client) => client.ask('/first')));
  await holds(served.front, count);
  const [worker] = served.workers;
  return { ...served, worker, clients, before };
}

onLinux('when a worker is killed', () => {
  it('connections between two requests go on with another, and clients do not notice', async () => {
    const { worker, clients, add, front, before } = await withHeld(20);
    const other = await add();
    await kill(worker);
    const answers = await Promise.all(clients.map((client) => client.ask('/second')));
    expect(answers).toEqual(Array(20).fill({ worker: 'worker-1', body: 'worker-1 /second x' }));
    expect(front.counts().adopted).toBe(20);
    expect(front.load(other.seat).connections).toBe(20);
    // The other worker has them held in its turn, and lets go of them when they end.
    await holds(front, 20);
    for (const { socket } of clients) socket.destroy();
    await holds(front, 0);
    await vi.waitFor(() => expect(descriptors()).toBeLessThanOrEqual(before + 10));
    await vi.waitFor(() => expect(front.load(other.seat).connections).toBe(0));
  });

  it('what its clients have sent and it has not read is answered by another', async () => {
    const { worker, clients, add } = await withHeld(5);
    // It writes down what it has read just after the primary has got the last one.
    await worker.tell('look');
    worker.child.kill('SIGSTOP');
    for (const client of clients) client.send(get('/unread'));
    await add();
    worker.child.kill('SIGKILL');
    for (const client of clients) {
      expect(await client.answer()).toEqual({ worker: 'worker-1', body: 'worker-1 /unread x' });
      expect(await client.ask('/next')).toMatchObject({ worker: 'worker-1' });
    }
  });

  it('a request that it had read, and a part of one, fail at once', async () => {
    const { worker, clients, add, front } = await withHeld(4);
    await add();
    const [whole, head, body, idle] = clients;
    whole.send(get('/slow/60000'));
    head.send('GET /part HTTP/1.1\r\nHo');
    body.send('POST /part HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345');
    await vi.waitFor(async () => expect((await worker.tell('look')).load.inFlightRequests).toBe(2));
    // What reads in turn has read the others when it has answered the last.
    await idle.ask('/last');
    await kill(worker);
    expect(await Promise.all([whole.answer(), head.answer(), body.answer()])).toEqual(
      Array(3).fill(undefined),
    );
    expect(await idle.ask('/next')).toMatchObject({ worker: 'worker-1' });
    expect(front.counts().adopted).toBe(1);
  });

  it('a part of a request that came with the one before is not lost silently', async () => {
    const { worker, clients, add } = await withHeld(2);
    await add();
    const [cut, whole] = clients;
    expect(await cut.send(`${get('/a')}GET /b HTTP/1.1\r\nHo`).answer()).toMatchObject({
      body: 'worker-0 /a x',
    });
    await whole.send(get('/a') + get('/b')).answer();
    expect(await whole.answer()).toMatchObject({ body: 'worker-0 /b x' });
    await kill(worker);
    expect(await cut.send('st: x\r\n\r\n').answer()).toBeUndefined();
    expect(await whole.ask('/c')).toMatchObject({ body: 'worker-1 /c x' });
  });

  it('connections wait for the next worker where there is no other', async () => {
    const { worker, clients, add } = await withHeld(3);
    await kill(worker);
    for (const client of clients) client.send(get('/later'));
    await add();
    for (const client of clients) expect(await client.answer()).toMatchObject({ body: 'worker-1 /later x' });
  });

  it('connections that have moved before go on as well', async () => {
    const { worker, clients, add, front } = await withHeld(4);
    const second = await add();
    await front.drain(worker.seat);
    expect(await worker.tell('drain')).toBe('drained');
    for (const client of clients) expect(await client.ask('/moved')).toMatchObject({ worker: 'worker-1' });
    await holds(front, 4);
    const third = await add();
    await kill(second);
    for (const client of clients) expect(await client.ask('/again')).toMatchObject({ worker: third.seat.id });
  });

  it('it is seen though the primary’s event loop is blocked', async () => {
    const { worker, clients, add, front } = await withHeld(1);
    await add();
    process.kill(worker.child.pid, 'SIGKILL');
    const until = performance.now() + 2000;
    // Nothing of JavaScript's can tell the thread while this goes on.
    while (front.counts().adopted === 0 && performance.now() < until);
    expect(front.counts().adopted).toBe(1);
    expect(await clients[0].ask('/next')).toMatchObject({ worker: 'worker-1' });
  });

  it('what is upgraded ends with it', async () => {
    const { worker, clients, add, front } = await withHeld(1);
    await add();
    const [{ socket }] = clients;
    socket.write(get('/', 'Connection: Upgrade\r\nUpgrade: echo\r\n'));
    await once(socket, 'data');
    const closed = once(socket, 'close');
    await kill(worker);
    await closed;
    expect(front.counts().adopted).toBe(0);
  });
});

onLinux('connections that are held', () => {
  it('end for their clients as soon as their worker closes them', async () => {
    const { clients, before } = await withHeld(3);
    const ends = clients.map(({ socket }) => once(socket, 'end'));
    for (const client of clients) client.send(get('/bye', 'Connection: close\r\n'));
    await Promise.all(ends);
    await vi.waitFor(() => expect(descriptors()).toBeLessThanOrEqual(before));
  });

  it('are let go of when their clients end or reset them', async () => {
    const { clients, before, worker, front } = await withHeld(4);
    clients[0].socket.end();
    clients[1].socket.destroy();
    clients[2].socket.resetAndDestroy();
    clients[3].socket.end(get('/last'));
    expect(await clients[3].answer()).toMatchObject({ body: 'worker-0 /last x' });
    await vi.waitFor(() => expect(descriptors()).toBeLessThanOrEqual(before));
    await vi.waitFor(() => expect(front.load(worker.seat).connections).toBe(0));
  });

  it('are none of the short ones', async () => {
    const { front, port } = await handoffFront({ workers: 1 });
    let most = 0;
    for (let times = 0; times < 100; times++) {
      const client = new Client({ port, host: '127.0.0.1' });
      await client.ask('/');
      most = Math.max(most, front.counts().held);
      client.socket.destroy();
      await once(client.socket, 'close');
    }
    expect(most).toBeLessThanOrEqual(1);
  });
});
