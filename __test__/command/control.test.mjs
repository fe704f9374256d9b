// The control socket, from outside: who may use it, what a hostile client can do, and two servers that want one name.
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { emptyFolder } from '../fixtures/folders.mjs';
import { node, start } from '../fixtures/processes.mjs';
import { randomNumbers } from '../fixtures/random.mjs';

const require = createRequire(import.meta.url);
const { ask } = require('../../lib/command/control/client.js');
const { find } = require('../../lib/command/control/find.js');
const { PROTOCOL, cutLines } = require('../../lib/command/control/lines.js');
const { placeFor } = require('../../lib/command/control/places.js');
const { ControlServer, MOST_CONNECTIONS } = require('../../lib/command/control/server.js');
const native = require('../../lib/native/loader.js');

const isLinux = process.platform === 'linux';
const isRoot = process.geteuid?.() === 0;

const answers = {
  echo: async (question) => question.text,
  fail: async () => {
    throw new TypeError('it broke');
  },
  count: async (_, asker) => {
    for (let number = 0; number < 3; number++) asker.tell({ event: 'number', number });
    return 'done';
  },
  flood: async (_, asker) => {
    for (let number = 0; number < 20_000; number++) asker.tell({ event: 'number', text: 'x'.repeat(1000) });
    await asker.gone;
  },
};

async function serve(folder = emptyFolder(), name = 'shop') {
  const server = new ControlServer(name, answers);
  const socket = path.join(folder, '.flotilla', `${name}.sock`);
  await server.open(socket);
  onTestFinished(() => server.close());
  return { server, socket, folder };
}

/** Sends bytes as they are, and brings all that comes until the server ends the connection. */
function raw(socket, ...parts) {
  const stream = net.connect({ path: socket, allowHalfOpen: true });
  let heard = '';
  stream.setEncoding('utf8').on('data', (text) => {
    heard += text;
  });
  for (const part of parts) stream.write(part);
  return new Promise((resolve, reject) => {
    stream.on('error', (error) =>
      error.code === 'EPIPE' || error.code === 'ECONNRESET' ? resolve(heard) : reject(error),
    );
    stream.on('end', () => {
      stream.end();
      resolve(heard);
    });
  });
}

const codeIn = (heard) => JSON.parse(heard.trim().split('\n').at(-1)).error?.code;
const question = (verb, more) => `${JSON.stringify({ protocol: PROTOCOL, verb, ...more })}\n`;

describe('lines', () => {
  it('are cut as a split of the whole text would cut them, wherever the chunks end', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = randomNumbers(seed);
      const text = Array.from(
        { length: random(40) },
        () => 'é'.repeat(random(20)) + '\n'.repeat(random(3)),
      ).join('');
      const bytes = Buffer.from(text);
      const lines = [];
      const take = cutLines(
        1000,
        (line) => lines.push(line),
        () => lines.push('too long'),
      );
      for (let at = 0; at < bytes.length; ) {
        const end = at + 1 + random(15);
        take(bytes.subarray(at, end));
        at = end;
      }
      expect(lines, `seed ${seed}`).toEqual(text.split('\n').slice(0, -1));
    }
  });

  it('that are too long are told of once, and nothing is taken after them', () => {
    const lines = [];
    const take = cutLines(
      10,
      (line) => lines.push(line),
      () => lines.push('too long'),
    );
    for (const part of ['short\n', '123456', '7890', '1', '\nx\n', 'y\n']) take(Buffer.from(part));
    expect(lines).toEqual(['short', 'too long']);
  });
});

describe.skipIf(process.platform === 'win32')('the control socket', () => {
  it('is its user’s alone, and so is its folder', async () => {
    const { socket } = await serve();
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    expect(statSync(path.dirname(socket)).mode & 0o777).toBe(0o700);
  });

  it('greets, answers, tells events before the answer, and takes another question', async () => {
    const { socket } = await serve();
    const events = [];
    expect(await ask(socket, 'count', {}, (event) => events.push(event.number))).toBe('done');
    expect(events).toEqual([0, 1, 2]);
    const heard = await new Promise((resolve) => {
      const stream = net.connect({ path: socket });
      let text = '';
      stream.setEncoding('utf8').on('data', (part) => {
        text += part;
        const lines = text.trim().split('\n');
        if (lines.length === 1) stream.write(question('echo', { text: 'one' }));
        if (lines.length === 2) stream.end(question('echo', { text: 'two' }));
      });
      stream.on('end', () =>
        resolve(
          text
            .trim()
            .split('\n')
            .map((line) => JSON.parse(line)),
        ),
      );
    });
    expect(heard).toEqual([
      { flotilla: require('../../package.json').version, protocol: PROTOCOL, name: 'shop', pid: process.pid },
      { result: 'one' },
      { result: 'two' },
    ]);
  });

  it('answers what fails with its code, and what it does not know with the nearest verb', async () => {
    const { socket } = await serve();
    await expect(ask(socket, 'fail')).rejects.toMatchObject({
      code: 'FLOTILLA_ERR_INTERNAL',
      message: 'it broke',
    });
    await expect(ask(socket, 'ehco')).rejects.toMatchObject({
      message: expect.stringContaining('did you mean "echo"'),
    });
    await expect(ask(socket, 'constructor')).rejects.toMatchObject({ code: 'FLOTILLA_ERR_USAGE' });
  });

  it.each([
    ['garbage', Buffer.from([0, 255, 254, 10]), 'FLOTILLA_ERR_CONTROL_REFUSED'],
    ['an HTTP request', 'GET / HTTP/1.1\r\n\r\n', 'FLOTILLA_ERR_CONTROL_REFUSED'],
    ['a number', '1\n', 'FLOTILLA_ERR_CONTROL_REFUSED'],
    ['a list', '[]\n', 'FLOTILLA_ERR_CONTROL_REFUSED'],
    ['a huge line', 'x'.repeat(70_000), 'FLOTILLA_ERR_CONTROL_REFUSED'],
    ['another version', '{"protocol":999,"verb":"echo"}\n', 'FLOTILLA_ERR_CONTROL_VERSION'],
    ['no version', '{"verb":"echo"}\n', 'FLOTILLA_ERR_CONTROL_VERSION'],
    ['two questions at once', question('flood') + question('echo'), 'FLOTILLA_ERR_CONTROL_REFUSED'],
  ])('ends a connection that says %s, with a code, and serves the next one', async (_, said, code) => {
    const { socket } = await serve();
    const heard = await raw(socket, said);
    const codes = heard
      .split('\n')
      .filter((line) => line.startsWith('{"error"'))
      .map((line) => JSON.parse(line).error.code);
    expect(codes).toEqual([code]);
    expect(await ask(socket, 'echo', { text: 'well' })).toBe('well');
  });

  it('takes random bytes from many clients, and still answers', async () => {
    const { socket } = await serve();
    const random = randomNumbers(7);
    const noise = () => Buffer.from(Array.from({ length: random(400) + 1 }, () => random(256)));
    for (let round = 0; round < 20; round++) {
      await Promise.all(Array.from({ length: 10 }, () => raw(socket, noise(), noise(), '\n')));
    }
    expect(await ask(socket, 'echo', { text: 'well' })).toBe('well');
  });

  it('lets 1,000 connections wait or go, and answers when they have gone', async () => {
    const { socket } = await serve();
    const streams = Array.from({ length: 1000 }, () => net.connect({ path: socket }));
    let refusals = 0;
    await Promise.all(
      streams.map(
        (stream) =>
          new Promise((resolve) => {
            stream.on('error', resolve);
            stream.once('data', (text) => {
              if (String(text).includes('connections are open already')) refusals += 1;
              resolve();
            });
          }),
      ),
    );
    expect(refusals).toBeGreaterThan(0);
    expect(refusals).toBeLessThanOrEqual(1000 - MOST_CONNECTIONS);
    await Promise.all(
      streams.map((stream) => {
        const closed = new Promise((resolve) => stream.on('close', resolve));
        if (stream.closed) return undefined;
        stream.destroy();
        return closed;
      }),
    );
    await expect.poll(() => ask(socket, 'echo', { text: 'well' }).catch(String)).toBe('well');
  });

  it('leaves events out for a client that does not read, and tells it how many', async () => {
    const { socket } = await serve();
    const stream = net.connect({ path: socket });
    stream.write(question('flood'));
    await new Promise((resolve) => stream.once('readable', resolve));
    const before = process.memoryUsage().rss;
    expect(await ask(socket, 'echo', { text: 'well' })).toBe('well');
    expect(process.memoryUsage().rss - before).toBeLessThan(50 * 2 ** 20);
    let text = '';
    const skipped = await new Promise((resolve) => {
      stream.setEncoding('utf8').on('data', (part) => {
        text = (text + part).slice(-5000);
        const found = /"event":"skipped","count":(\d+)/.exec(text);
        if (found) resolve(Number(found[1]));
      });
    });
    expect(skipped).toBeGreaterThan(10_000);
    stream.destroy();
  });

  it('is removed when its server closes, after the last words have been read', async () => {
    const { server, socket } = await serve();
    expect(await ask(socket, 'echo', { text: 'x' })).toBe('x');
    await server.close();
    expect(existsSync(socket)).toBe(false);
    await expect(ask(socket, 'echo')).rejects.toMatchObject({ code: 'FLOTILLA_ERR_CONTROL_ABSENT' });
  });
});

describe.skipIf(process.platform === 'win32')('a name', () => {
  it('that is taken is refused, with the process that has it, which goes on', async () => {
    const { socket } = await serve();
    const second = new ControlServer('shop', answers);
    const error = await second.open(socket).catch((thrown) => thrown);
    expect(error).toMatchObject({
      code: 'FLOTILLA_ERR_NAME_TAKEN',
      message: expect.stringContaining(`process ${process.pid}`),
    });
    expect(await ask(socket, 'echo', { text: 'first' })).toBe('first');
  });

  it('is free again when its process was killed, whose socket stays behind', async () => {
    const folder = emptyFolder();
    const socket = path.join(folder, '.flotilla', 'shop.sock');
    const script = `
      const { ControlServer } = require(${JSON.stringify(require.resolve('../../lib/command/control/server.js'))});
      new ControlServer('shop', {}).open(${JSON.stringify(socket)}).then(() => process.kill(process.pid, 'SIGKILL'));`;
    await node(['-e', script]);
    expect(existsSync(socket)).toBe(true);
    await expect(ask(socket, 'echo')).rejects.toMatchObject({
      code: 'FLOTILLA_ERR_CONTROL_ABSENT',
      message: expect.stringContaining('left its socket behind'),
    });
    await serve(folder);
    expect(await ask(socket, 'echo', { text: 'again' })).toBe('again');
    expect(readdirSync(path.dirname(socket))).toEqual(['shop.sock']);
  });

  it('that several want at once is had by one', async () => {
    const folder = emptyFolder();
    const socket = path.join(folder, '.flotilla', 'shop.sock');
    const servers = Array.from({ length: 8 }, () => new ControlServer('shop', answers));
    onTestFinished(() => Promise.all(servers.map((server) => server.close())));
    const results = await Promise.allSettled(servers.map((server) => server.open(socket)));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const { reason } of results) if (reason) expect(reason.code).toBe('FLOTILLA_ERR_NAME_TAKEN');
  });

  it('is not taken from a file that is no socket', async () => {
    const folder = emptyFolder();
    mkdirSync(path.join(folder, '.flotilla'));
    const file = path.join(folder, '.flotilla', 'shop.sock');
    writeFileSync(file, 'mine');
    await expect(new ControlServer('shop', {}).open(file)).rejects.toMatchObject({
      code: 'FLOTILLA_ERR_CONTROL_REFUSED',
    });
    expect(statSync(file).size).toBe(4);
  });

  it('whose path is too long for a socket is refused in a sentence', async () => {
    const socket = placeFor('shop', path.join(emptyFolder(), 'x'.repeat(120)), {});
    await expect(new ControlServer('shop', {}).open(socket)).rejects.toMatchObject({
      message: expect.stringContaining('pass a shorter one by --control'),
    });
  });
});

describe.skipIf(process.platform === 'win32')('the server that is meant', () => {
  const from = (cwd, usual, env = {}) => ({ cwd, env, usual: async () => usual });

  it('is found by its name, from a folder below, or as the only one', async () => {
    const { socket, folder } = await serve();
    const below = path.join(folder, 'src/routes');
    mkdirSync(below, { recursive: true });
    expect(await find({ name: 'shop' }, from(below))).toBe(socket);
    expect(await find({}, from(below, 'shop'))).toBe(socket);
    expect(await find({}, from(below, 'other'))).toBe(socket);
    expect(await find({}, from(below, 'other', { FLOTILLA_NAME: 'shop' }))).toBe(socket);
  });

  it('is looked for in the folder that the system keeps for the user', async () => {
    const runtime = emptyFolder();
    const server = new ControlServer('api', answers);
    await server.open(placeFor('api', emptyFolder(), { XDG_RUNTIME_DIR: runtime }));
    onTestFinished(() => server.close());
    const socket = path.join(runtime, 'flotilla', 'api.sock');
    expect(await find({}, from(emptyFolder(), undefined, { XDG_RUNTIME_DIR: runtime }))).toBe(socket);
  });

  it('is asked for where it is not clear, and what runs is named', async () => {
    const { folder } = await serve();
    await serve(folder, 'api');
    await expect(find({}, from(folder, 'none'))).rejects.toMatchObject({
      message: expect.stringMatching(/2 run here.*--name: (api, shop|shop, api)/),
    });
    await expect(find({ name: 'web' }, from(folder))).rejects.toMatchObject({
      code: 'FLOTILLA_ERR_CONTROL_ABSENT',
      message: expect.stringMatching(/"web".*These run: (api, shop|shop, api)/),
    });
    await expect(find({}, from(emptyFolder()))).rejects.toMatchObject({
      message: expect.stringContaining('Nothing runs here'),
    });
  });
});

describe.skipIf(!isLinux || !isRoot)('another user', () => {
  const nobody = 65_534;

  /** What one of another user hears from a socket. */
  async function asNobody(socket) {
    const script = `
      const stream = require('node:net').connect({ path: process.argv[1] });
      stream.on('data', (text) => process.stdout.write(text));
      stream.on('error', ({ code }) => console.log(code));`;
    const options = { uid: nobody, gid: nobody, cwd: '/' };
    const { stdout } = await start(process.execPath, ['-e', script, socket], options).ended;
    return stdout;
  }

  it('cannot open the socket', async () => {
    const { socket, folder } = await serve();
    chmodSync(folder, 0o755);
    expect((await asNobody(socket)).trim()).toBe('EACCES');
  });

  it('is refused by the word of the kernel, also where the file lets him in', async () => {
    const server = new ControlServer('shop', answers);
    const folder = emptyFolder();
    chmodSync(folder, 0o755);
    const socket = path.join(folder, 'shop.sock');
    await server.open(socket);
    onTestFinished(() => server.close());
    chmodSync(socket, 0o666);
    const stdout = await asNobody(socket);
    expect(codeIn(stdout)).toBe('FLOTILLA_ERR_CONTROL_REFUSED');
    expect(stdout).toContain(`not for ${nobody}`);
    expect(stdout).not.toContain('"protocol"');
  });

  it('has not prepared the folder', async () => {
    const folder = emptyFolder();
    mkdirSync(path.join(folder, '.flotilla'));
    chownSync(path.join(folder, '.flotilla'), nobody, nobody);
    await expect(
      new ControlServer('shop', {}).open(path.join(folder, '.flotilla', 'shop.sock')),
    ).rejects.toMatchObject({
      message: expect.stringContaining('belongs to another user'),
    });
  });

  it('is told by the addon, for a socket and for nothing else', () => {
    expect(native.peerUser(-1) ?? undefined).toBeUndefined();
    expect(native.peerUser(0x7fffffff) ?? undefined).toBeUndefined();
  });
});
