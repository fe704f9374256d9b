// The smallest example of each framework, unchanged: on all workers, and replaced under load without a lost request.
// `npm run test:apps` replaces each 20 times, and builds those that have a generator of their own.

import { once } from 'node:events';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { appsFolder, installApps } from '../../scripts/apps.mjs';
import { load, serving, whole } from '../fixtures/any-app.mjs';

const reloads = Number(process.env.FLOTILLA_TEST_RELOADS ?? 1);

/** @type {string | undefined} */
let missing;
beforeAll(() => {
  missing = installApps();
}, 300_000);

const query = {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ query: '{ books { title author } }' }),
};

async function started(file) {
  const app = await serving(path.join(appsFolder, file), { cwd: appsFolder, env: { PORT: '0' } });
  await whole(app);
  const { host } = (await app.status()).addresses[0];
  const name = host.includes(':') && host !== '::' ? `[${host}]` : host.replace('::', '127.0.0.1');
  return { ...app, url: (target = '/') => `http://${name}:${app.port}${target}` };
}

describe('an app of', () => {
  it.each([
    ['Express 5', 'express.mjs'],
    ['Express 4', 'express4.cjs'],
    ['Fastify', 'fastify.mjs'],
    ['Koa', 'koa.cjs'],
    ['Hono', 'hono.mjs'],
    ['polka', 'polka.cjs'],
    ['hapi', 'hapi.cjs'],
    ['Apollo', 'apollo.mjs', query],
    ['socket.io, asked by HTTP', 'socket-io.mjs'],
  ])(
    `%s loses no request (reloads: ${reloads})`,
    async (_, file, ask) => {
      if (missing) throw new Error(missing);
      const app = await started(file);
      const clients = load(app.url(), { ask });
      for (let turn = 0; turn < reloads; turn++) await app.restart();
      const { failures, answered } = await clients.stop();
      expect(failures).toEqual([]);
      expect(answered).toBeGreaterThan(10 * reloads);
      expect((await app.status()).connections).toMatchObject({ failed: 0, refused: 0 });
      expect(await app.stop()).toBe(true);
    },
    20_000 + 20_000 * reloads,
  );

  it.each([
    ['ws', 'ws.mjs', '/', (text) => text, (text) => `received: ${text}`],
    [
      'socket.io',
      'socket-io.mjs',
      '/socket.io/?EIO=4&transport=websocket',
      (text) => `42["chat message","${text}"]`,
      (text) => `42["chat message","${text}"]`,
    ],
  ])(
    '%s refuses no client that comes, and says goodbye to those that are there',
    async (_, file, target, say, hears) => {
      if (missing) throw new Error(missing);
      const app = await started(file);
      const connected = async () => {
        const socket = new WebSocket(app.url(target).replace('http', 'ws'));
        if (file.startsWith('socket')) socket.once('message', () => socket.send('40'));
        await once(socket, file.startsWith('socket') ? 'message' : 'open');
        return socket;
      };
      const echoes = async () => {
        const socket = await connected();
        const heard = new Promise((resolve) => {
          socket.on('message', (data) => String(data) === hears('hello') && resolve(true));
        });
        const sending = setInterval(() => socket.send(say('hello')), 20);
        expect(await heard).toBe(true);
        clearInterval(sending);
        return socket;
      };
      const there = await echoes();
      const closed = once(there, 'close');
      let running = true;
      const coming = (async () => {
        while (running) (await connected()).close();
      })();
      await app.restart();
      running = false;
      await coming;
      expect((await closed)[0]).toBe(1001);
      (await echoes()).close();
    },
    30_000,
  );
});
