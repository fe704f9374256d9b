// The frameworks of docs/adapters.md for real, each over two workers: what one worker made is what the other gives, also after both
// were replaced, and what is forgotten in one is forgotten in both. `npm run test:apps` runs this: its packages are 140 MB.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { transform } from 'esbuild';
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { copyPackage } from '../../scripts/copy-package.mjs';
import { installPeers } from '../../scripts/peers.mjs';
import { builtAddon, root } from '../fixtures/folders.mjs';
import { start } from '../fixtures/processes.mjs';

const env = { ...process.env, FLOTILLA_ADDON: builtAddon, NODE_ENV: 'production' };
const isOld = Number(process.versions.node.split('.')[0]) < 22;

/** Two workers with an application: what asks them, and what replaces both. */
async function serving(folder, application, more = {}) {
  const { child, prints } = start(process.execPath, ['workers.mjs', application], {
    cwd: folder,
    env: { ...env, ...more },
  });
  let lines = 0;
  let ports;
  const next = async () => {
    [, ports] = await prints({
      exec: (text) => {
        const found = [...text.matchAll(/ports (\d+) (\d+)\./g)][lines];
        return found ? [found, found.slice(1)] : null;
      },
    });
    lines++;
  };
  await next();
  const url = (worker, address) => `http://127.0.0.1:${ports[worker]}${address}`;
  return {
    async get(worker, address) {
      const response = await fetch(url(worker, address));
      const text = await response.text();
      expect(response.status, text).toBe(200);
      return text;
    },
    async query(worker, body) {
      const response = await fetch(url(worker, '/'), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      return response.json();
    },
    post: async (worker, address) => (await fetch(url(worker, address), { method: 'POST' })).text(),
    async replaceWorkers() {
      child.kill('SIGUSR2');
      await next();
    },
  };
}

/** What every framework is asked: `get` gives what a worker says, `forget` has one worker forget it. */
async function isOneCache({ get, forget, replaceWorkers }) {
  const first = await get(0);
  expect([await get(1), await get(0)]).toEqual([first, first]);
  await replaceWorkers();
  expect([await get(0), await get(1)]).toEqual([first, first]);
  await forget(1);
  const anew = await get(0);
  expect(anew).not.toEqual(first);
  expect(await get(1)).toEqual(anew);
  await forget(0);
  expect(await get(1)).not.toEqual(anew);
}

describe.runIf(process.env.FLOTILLA_TEST_APPS && !isOld)('over two workers', () => {
  let folder;
  beforeAll(async () => {
    folder = await installPeers('plugged');
    cpSync(path.join(root, '__test__/fixtures/plugged'), folder, { recursive: true });
    rmSync(path.join(folder, 'node_modules/flotilla'), { recursive: true, force: true });
    copyPackage(folder);
  }, 600_000);

  it('NestJS shares the pages and the values of its cache module', async () => {
    const file = path.join(folder, 'nest.ts');
    const tsconfigRaw = { compilerOptions: { experimentalDecorators: true } };
    const { code } = await transform(readFileSync(file, 'utf8'), { loader: 'ts', tsconfigRaw });
    writeFileSync(path.join(folder, 'nest.mjs'), code);
    const app = await serving(folder, './nest.mjs');
    for (const address of ['/page', '/wrapped'])
      await isOneCache({
        ...app,
        get: (worker) => app.get(worker, address),
        forget: (worker) => app.get(worker, '/forget'),
      });
  });

  it('Apollo Server shares whole responses, and the queries that clients have left there', async () => {
    const app = await serving(folder, './apollo.mjs');
    const ask = async (worker, query) => (await app.query(worker, { query })).data;
    await isOneCache({
      ...app,
      get: (worker) => ask(worker, '{ page }'),
      forget: (worker) => ask(worker, 'mutation { forget }'),
    });
    expect(await ask(0, '{ private }')).not.toEqual(await ask(0, '{ private }'));
    const query = '{ __typename page }';
    const sha256Hash = createHash('sha256').update(query).digest('hex');
    const extensions = { persistedQuery: { version: 1, sha256Hash } };
    const missed = await app.query(0, { extensions });
    expect(missed.errors[0].extensions.code).toBe('PERSISTED_QUERY_NOT_FOUND');
    const { data } = await app.query(0, { query, extensions });
    expect((await app.query(1, { extensions })).data).toEqual(data);
  });

  it.each([
    ['2', 'nitro', 'nitropack'],
    ['3', 'nitro3', 'nitro'],
  ])(
    'Nitro %s shares what its cached handlers and functions return',
    async (_version, application, name) => {
      const cwd = path.join(folder, application);
      const build = [path.join(folder, 'node_modules', name, 'dist/cli/index.mjs'), 'build'];
      const built = await start(process.execPath, build, { cwd, env }).ended;
      expect(built, built.stdout + built.stderr).toMatchObject({ code: 0 });
      const app = await serving(folder, `./${application}.mjs`);
      for (const address of ['/page', '/called'])
        await isOneCache({
          ...app,
          get: (worker) => app.get(worker, address),
          forget: (worker) => app.get(worker, '/forget'),
        });
    },
    120_000,
  );

  it('undici asks an origin once for all workers', async () => {
    let asked = 0;
    const origin = http.createServer((_request, response) => {
      response.setHeader('cache-control', 'public, max-age=600');
      response.end(`${++asked} `.padEnd(100_000, 'x'));
    });
    onTestFinished(() => {
      origin.close();
      origin.closeAllConnections();
    });
    origin.listen(0, '127.0.0.1');
    await once(origin, 'listening');
    const app = await serving(folder, './undici.mjs', {
      ORIGIN: `http://127.0.0.1:${origin.address().port}`,
    });
    await isOneCache({
      ...app,
      get: (worker) => app.get(worker, '/page'),
      forget: (worker) => app.post(worker, '/page'),
    });
  });

  it('socket.io has one chat, by polling and by websocket, whose clients go on at the workers of a restart', async () => {
    const { child, prints } = start(process.execPath, ['chat.mjs'], { cwd: folder, env });
    const [, port] = await prints(/port (\d+)\./);
    const serves = (count) => prints(new RegExp(`(?:serves \\d+\\.[\\s\\S]*?){${count}}`));
    await serves(2);
    const { io } = await import(path.join(folder, 'node_modules/socket.io-client/build/esm/index.js'));
    const clients = await Promise.all(
      Array.from({ length: 8 }, async (_, at) => {
        const transports = [['polling'], ['websocket'], ['polling', 'websocket']][at % 3];
        // Each is a program of its own: connections of several would be one visitor's.
        const own = { forceNew: true, agent: new http.Agent({ keepAlive: true }) };
        const extraHeaders = { 'x-user': `user ${at}` };
        const socket = io(`http://127.0.0.1:${port}`, { transports, extraHeaders, ...own });
        onTestFinished(() => void socket.disconnect());
        const said = [];
        socket.on('said', (words) => said.push(words));
        await once(socket, 'connect');
        const ask = (...words) => socket.timeout(20_000).emitWithAck(...words);
        await ask('pid');
        return { socket, said, ask, id: socket.id, transport: transports[0] };
      }),
    );
    const pids = async () => new Set(await Promise.all(clients.map(({ ask }) => ask('pid'))));
    const before = await pids();
    expect(before.size).toBe(2);
    const words = [];
    const say = async (client) => {
      const word = `word ${words.length}`;
      words.push(word);
      await client.ask('say', word);
      // Two workers say in no order what two visitors say one after the other: the next one waits until all have heard it.
      const all = () => clients.every(({ said }) => said.includes(word));
      await vi.waitUntil(all, { timeout: 20_000 });
    };
    for (const client of clients) await say(client);
    child.kill('SIGUSR2');
    await serves(4);
    // The old ones drain: until then a client may still be there.
    for (const { ask } of clients)
      await vi.waitUntil(async () => !before.has(await ask('pid').catch(() => [...before][0])), {
        timeout: 20_000,
      });
    for (const client of clients) await say(client);
    for (const { said } of clients) {
      await vi.waitUntil(() => said.length >= words.length, { timeout: 20_000 });
      expect(said).toEqual(words);
    }
    // By polling a client comes back before its old worker knows that it has gone: it begins a new session.
    const kept = clients.filter(({ transport }) => transport === 'websocket');
    expect(kept.length).toBeGreaterThan(2);
    expect(kept.every(({ socket, id }) => socket.recovered && socket.id === id)).toBe(true);
    const after = await pids();
    for (const pid of before) expect(after.has(pid)).toBe(false);
  });
});
