// `createAdapter` under real servers of socket.io in two workers, with real clients, by websocket and by polling.

import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { peer, project, startIn } from '../fixtures/peers.mjs';

const { io } = await peer('socket.io-client');
const { EncodedEvent, wordsOf } = createRequire(import.meta.url)('../../lib/adapters/socket.io-event.js');

/** Two workers, each with a server on a port of its own, so that a test chooses where a client connects. */
const program = `
  import cluster from 'node:cluster';
  import { once } from 'node:events';
  import { createServer } from 'node:http';
  import 'flotilla';
  import { createAdapter } from 'flotilla/socket.io';
  import { Server } from 'socket.io';

  if (cluster.isPrimary) {
    const fork = () => new Promise((resolve) => {
      const worker = cluster.fork();
      worker.on('message', ({ port }) => port && resolve(port));
      worker.on('exit', () => process.exit(1));
    });
    console.log('ports ' + (await Promise.all([fork(), fork()])).join(' '));
  } else {
    const server = createServer();
    const io = new Server(server, { adapter: createAdapter({ heartbeatInterval: 200, heartbeatTimeout: 1000 }), connectionStateRecovery: {} });
    io.on('connection', (socket) => {
      socket.data.pid = process.pid;
      socket.on('join', (room, done) => { socket.join(room); done(); });
      socket.on('say', (room, ...words) => (room ? io.to(room) : io).emit('said', ...words));
      socket.on('others', (word, room) => (room ? io.except(room) : socket.broadcast).emit('said', word));
      socket.on('sockets', async (done) => done((await io.fetchSockets()).map(({ id }) => id)));
      socket.on('ask', async (done) => io.timeout(5000).emit('question', (error, answers) => done(error ? String(error) : answers)));
      socket.on('servers', (done) => io.serverSideEmit('which', (error, pids) => done(error ? String(error) : pids)));
      socket.on('move', (room) => io.socketsJoin(room));
      socket.on('pid', (done) => done(process.pid));
      socket.on('odd', (room) => {
        class Money { constructor(amount) { this.amount = amount; } toJSON() { return this.amount + ' euros'; } }
        const odd = { at: new Date(0), price: new Money(5), call() {}, none: undefined, bytes: Buffer.from('hi'), list: [() => {}, new Money(1)] };
        socket.data.odd = odd;
        io.to(room).emit('said', odd, () => {}, 'the end');
      });
      socket.on('drop', () => socket.conn.close());
    });
    io.on('which', (done) => done(process.pid));
    io.of('/other').on('connection', (socket) => socket.on('say', (word) => io.of('/other').emit('said', word)));
    server.listen({ port: 0, host: '127.0.0.1', exclusive: true });
    await once(server, 'listening');
    process.send({ port: server.address().port });
  }
`;

it('tells clients of several servers of one process', async () => {
  const folder = await project(['socket.io', 'socket.io-adapter', 'socket.io-client']);
  writeFileSync(
    path.join(folder, 'two.mjs'),
    `import { createServer } from 'node:http';
    import { once } from 'node:events';
    import { createAdapter } from 'flotilla/socket.io';
    import { Server } from 'socket.io';
    import { io } from 'socket.io-client';
    const [one, two] = await Promise.all([0, 1].map(async () => {
      const http = createServer();
      const server = new Server(http, { adapter: createAdapter() });
      await once(http.listen(0, '127.0.0.1'), 'listening');
      return { server, port: http.address().port };
    }));
    const clients = [one, two].map(({ port }) => io('http://127.0.0.1:' + port, { forceNew: true, transports: ['websocket'] }));
    const heard = clients.map(async (client) => { const [word] = await once(client, 'said'); return word; });
    await Promise.all(clients.map((client) => once(client, 'connect')));
    one.server.emit('said', 'hello');
    console.log('heard ' + (await Promise.all(heard)).join());
    process.exit();`,
  );
  const { prints } = startIn(folder, ['two.mjs']);
  expect((await prints(/heard (.*)/))[1]).toBe('hello,hello');
});

it('writes to a client at once what it is told at once', async () => {
  const folder = await project(['socket.io', 'socket.io-adapter', 'socket.io-client']);
  writeFileSync(
    path.join(folder, 'writes.mjs'),
    `import { createServer } from 'node:http';
    import { once } from 'node:events';
    import { createAdapter } from 'flotilla/socket.io';
    import { Server } from 'socket.io';
    import { io } from 'socket.io-client';
    const http = createServer();
    const server = new Server(http, { adapter: createAdapter() });
    await once(http.listen(0, '127.0.0.1'), 'listening');
    const client = io('http://127.0.0.1:' + http.address().port, { transports: ['websocket'] });
    const [[socket]] = await Promise.all([once(server, 'connection'), once(client, 'connect')]);
    const beneath = socket.conn.transport.socket._socket;
    let writes = 0;
    for (const name of ['_write', '_writev']) {
      const write = beneath[name].bind(beneath);
      beneath[name] = (...given) => { writes++; write(...given); };
    }
    const heard = [];
    client.on('said', (number) => heard.push(number));
    const last = (number) => new Promise((resolve) => client.on('said', (heard) => heard === number && resolve()));
    for (let number = 0; number < 100; number++) server.emit('said', number);
    await last(99);
    const together = writes;
    server.emit('said', 100);
    await last(100);
    console.log('heard ' + JSON.stringify({ inOrder: heard.every((number, at) => number === at), count: heard.length, together }));
    process.exit();`,
  );
  const { prints } = startIn(folder, ['writes.mjs']);
  const { together, ...heard } = JSON.parse((await prints(/heard (.*)/))[1]);
  expect(heard).toEqual({ inOrder: true, count: 101 });
  expect(together).toBeLessThan(20);
});

it('speaks by the parser of a server that has its own, and shows what goes out to those who listen for it', async () => {
  const folder = await project(['socket.io', 'socket.io-adapter', 'socket.io-client']);
  writeFileSync(
    path.join(folder, 'parsers.mjs'),
    `import { createServer } from 'node:http';
    import { EventEmitter, once } from 'node:events';
    import { createAdapter } from 'flotilla/socket.io';
    import { Server } from 'socket.io';
    import { io } from 'socket.io-client';
    class Encoder { encode(packet) { return ['mine' + JSON.stringify(packet)]; } }
    class Decoder extends EventEmitter {
      add(text) { this.emit('decoded', JSON.parse(text.slice(4))); }
      destroy() {}
    }
    const heardBy = async (name, parser) => {
      const open = async () => {
        const http = createServer();
        const server = new Server(http, { adapter: createAdapter({ name }), parser });
        await once(http.listen(0, '127.0.0.1'), 'listening');
        return { server, port: http.address().port };
      };
      const [one, two] = await Promise.all([open(), open()]);
      const shown = [];
      two.server.on('connection', (socket) => socket.onAnyOutgoing((...words) => shown.push(words)));
      const client = io('http://127.0.0.1:' + two.port, { forceNew: true, transports: ['websocket'], parser });
      await once(client, 'connect');
      one.server.emit('said', 'hello', { to: ['you'] });
      const heard = await once(client, 'said');
      return [heard, shown];
    };
    console.log('heard ' + JSON.stringify([await heardBy('a', { Encoder, Decoder }), await heardBy('b', undefined)]));
    process.exit();`,
  );
  const { prints } = startIn(folder, ['parsers.mjs']);
  const words = ['hello', { to: ['you'] }];
  const each = [words, [['said', ...words]]];
  expect(JSON.parse((await prints(/heard (.*)/))[1])).toEqual([each, each]);
});

it('sends what the parser of socket.io would, of whatever JSON knows', async () => {
  const { Encoder } = await peer('socket.io-parser');
  const encoder = new Encoder();
  const odd = [
    null,
    undefined,
    -0,
    1e21,
    'é💥\u2028\0"\\',
    [],
    {},
    [undefined, [() => {}]],
    { a: undefined, b: [new Date(0)] },
  ];
  for (const nsp of ['/', '/other', '/a,b']) {
    for (const [at, value] of odd.entries()) {
      const packet = { type: 2, nsp, data: ['said', value, at] };
      const event = new EncodedEvent(wordsOf(packet));
      event.nsp = nsp;
      expect([event.encoded]).toEqual(encoder.encode(packet));
      expect(event.data).toEqual(JSON.parse(JSON.stringify(packet.data)));
      const later = event.endingWith('é".1');
      later.nsp = nsp;
      expect([later.encoded]).toEqual(encoder.encode({ ...packet, data: [...packet.data, 'é".1'] }));
    }
  }
  const others = [Buffer.from('bytes'), { deep: [new Uint8Array(1)] }, { toJSON: () => 1 }, 1n];
  for (const value of others) expect(wordsOf({ type: 2, data: ['said', value] })).toBeUndefined();
  expect(wordsOf({ type: 2, id: 1, data: ['asked'] })).toBeUndefined();
  expect(wordsOf({ type: 3, data: ['answered'] })).toBeUndefined();
});

describe.each(['shared', 'ipc'])('on the transport %s', (transport) => {
  const kills = [];
  let ports;
  const clients = [];
  beforeAll(async () => {
    const folder = await project(['socket.io', 'socket.io-adapter'], 'peers', (clean) => kills.push(clean));
    writeFileSync(path.join(folder, 'chat.mjs'), program);
    const started = startIn(
      folder,
      ['chat.mjs'],
      { FLOTILLA_TRANSPORT: transport },
      { whenDone: (kill) => kills.unshift(kill) },
    );
    ports = (await started.prints(/ports ([\d ]+)/))[1].split(' ');
  });
  afterAll(() => {
    for (const client of clients) client.disconnect();
    for (const kill of kills) kill();
  });

  /** A client of a worker, and what was said to it. */
  async function client(worker, { namespace = '/', transports = ['websocket'], ...more } = {}) {
    const socket = io(`http://127.0.0.1:${ports[worker]}${namespace}`, {
      transports,
      forceNew: true,
      ...more,
    });
    clients.push(socket);
    const said = [];
    // With recovery, the last argument is the packet’s offset.
    socket.on('said', (...words) => said.push(words.length > 2 ? words.slice(0, -1) : words[0]));
    socket.on('question', (answer) => answer(socket.id));
    await new Promise((resolve) => void socket.once('connect', resolve));
    const heard = (count) => vi.waitUntil(() => said.length >= count, { timeout: 20_000 });
    return { socket, said, heard };
  }
  const ask = ({ socket }, ...question) => socket.timeout(20_000).emitWithAck(...question);

  it('tells clients of all workers what one of them says, by websocket and by polling, in order', async () => {
    const all = await Promise.all([
      client(0),
      client(1),
      client(0, { transports: ['polling'] }),
      client(1, { transports: ['polling'] }),
    ]);
    const words = Array.from({ length: 100 }, (_, at) => `word ${at}`);
    for (const word of words) all[0].socket.emit('say', null, word);
    for (const { said, heard } of all) {
      await heard(100);
      expect(said).toEqual(words);
    }
    for (const { socket } of all) socket.disconnect();
  });

  it('knows rooms, namespaces, bytes, and who is not to hear it', async () => {
    const [a, b, c, other] = await Promise.all([
      client(0),
      client(1),
      client(1),
      client(1, { namespace: '/other' }),
    ]);
    await ask(b, 'join', 'room');
    a.socket.emit('say', 'room', 'for the room', Buffer.from([0, 255]));
    await b.heard(1);
    expect(b.said).toEqual([['for the room', expect.anything()]]);
    expect([...new Uint8Array(b.said[0][1])]).toEqual([0, 255]);
    a.socket.emit('others', 'not for the room', 'room');
    await c.heard(1);
    a.socket.emit('others', 'not for me');
    await Promise.all([b.heard(2), c.heard(2)]);
    expect(b.said).not.toContain('not for the room');
    a.socket.emit('move', 'all');
    await vi.waitUntil(
      async () => {
        a.socket.emit('say', 'all', 'moved');
        return c.said.includes('moved') && b.said.includes('moved');
      },
      { timeout: 20_000, interval: 100 },
    );
    expect(a.said).not.toContain('not for me');
    other.socket.emit('say', 'elsewhere');
    await other.heard(1);
    expect([a, b, c].some(({ said }) => said.includes('elsewhere'))).toBe(false);
    for (const { socket } of [a, b, c, other]) socket.disconnect();
  });

  it('asks all workers: for their sockets, for answers of their clients, and for themselves', async () => {
    const [a, b] = await Promise.all([client(0), client(1)]);
    const ids = [a.socket.id, b.socket.id].sort();
    await vi.waitUntil(async () => (await ask(a, 'sockets')).length === 2, { timeout: 20_000 });
    expect((await ask(a, 'sockets')).sort()).toEqual(ids);
    expect((await ask(b, 'ask')).sort()).toEqual(ids);
    expect(await ask(a, 'servers')).toEqual([await ask(b, 'pid')]);
    for (const { socket } of [a, b]) socket.disconnect();
  });

  it('sends to clients of the other worker what those of its own get, be it functions or objects with words of their own', async () => {
    const [speaker, near, far] = await Promise.all([client(0), client(0), client(1)]);
    const room = '"a room"\0: 💥 /'.repeat(1000);
    await Promise.all([near, far].map((listener) => ask(listener, 'join', room)));
    speaker.socket.emit('odd', room);
    await Promise.all([near.heard(1), far.heard(1)]);
    const [[odd, , end]] = near.said;
    expect([odd.at, odd.price, odd.list, end]).toEqual([
      '1970-01-01T00:00:00.000Z',
      '5 euros',
      [null, '1 euros'],
      'the end',
    ]);
    expect(far.said).toEqual(near.said);
    // What a socket keeps of such things does not keep the others from asking for it.
    expect(await ask(far, 'sockets')).toEqual(expect.arrayContaining([speaker.socket.id, far.socket.id]));
    for (const { socket } of [speaker, near, far]) socket.disconnect();
  });

  it('gives a client that lost its connection what it missed, at another worker', async () => {
    const [speaker, listener] = await Promise.all([client(0), client(0)]);
    await ask(listener, 'join', 'room');
    speaker.socket.emit('say', null, 'before');
    await listener.heard(1);
    const { id } = listener.socket;
    // It comes back at the other worker, as through a balancer.
    listener.socket.io.uri = `http://127.0.0.1:${ports[1]}/`;
    listener.socket.io.engine.close();
    await vi.waitUntil(() => !listener.socket.connected);
    speaker.socket.emit('say', 'room', 'meanwhile');
    speaker.socket.emit('say', 'another room', 'not for it');
    await listener.heard(2);
    await vi.waitUntil(() => listener.socket.connected);
    expect([listener.socket.recovered, listener.socket.id, listener.said]).toEqual([
      true,
      id,
      ['before', 'meanwhile'],
    ]);
    expect(await ask(listener, 'pid')).not.toBe(await ask(speaker, 'pid'));
    for (const { socket } of [speaker, listener]) socket.disconnect();
  });

  it('begins anew with a client whose offset is none', async () => {
    const { socket } = await client(0, { auth: (set) => set({ pid: 'somebody', offset: '../../etc' }) });
    expect(socket.recovered).toBe(false);
    socket.disconnect();
  });
});
