// Workers that are worn are replaced, one at a time, and no request is lost by it. `npm run test:load` does it 50 times.

import { describe, expect, it } from 'vitest';
import { load, program, serving, whole } from '../fixtures/any-app.mjs';
import { until } from '../fixtures/clustered.mjs';

const times = Number(process.env.FLOTILLA_TEST_RECYCLES ?? 3);
const recycled = (app) => app.events.filter(({ event }) => event === 'recycled').map(({ what }) => what);

const server = (work) => `
  const kept = [];
  require('node:http').createServer((request, response) => { ${work}; response.end('here'); }).listen(0, '127.0.0.1');`;

describe('a worker', () => {
  it(
    `that has too much memory is replaced under load, and no request is lost (${times} times)`,
    async () => {
      const app = await serving(program(server('kept.push(Buffer.alloc(40_000, 1))')), {
        recycle: { maxMemory: 120 * 2 ** 20 },
      });
      const clients = load(app.url());
      await until(() => recycled(app).length >= times);
      const { failures, answered } = await clients.stop();
      expect(failures).toEqual([]);
      expect(answered).toBeGreaterThan(100 * times);
      const [, had] = recycled(app)[0].reason.match(/has (\d+) MiB of memory, and may have 120 MiB/);
      expect(Number(had)).toBeGreaterThan(120);
      expect((await app.status()).connections).toMatchObject({ failed: 0 });
    },
    60_000 + 10_000 * times,
  );

  it('that has answered enough, or is old, or lags behind, is replaced too, and its place is never empty', async () => {
    const app = await serving(
      program(server("if (request.url === '/lag') for (const end = Date.now() + 400; Date.now() < end; );")),
      {
        recycle: { maxRequests: 400, maxLag: 300, maxAge: 3_600_000 },
      },
    );
    await whole(app);
    const clients = load(app.url());
    await until(() => recycled(app).some(({ reason }) => /answered \d+ requests/.test(reason)));
    expect((await clients.stop()).failures).toEqual([]);
    const lagging = load(app.url('/lag'), { clients: 1 });
    await until(() => recycled(app).some(({ reason }) => /\d+ ms behind/.test(reason)));
    expect((await lagging.stop()).failures).toEqual([]);
    await whole(app);
  });

  it('is replaced for its age', async () => {
    const app = await serving(program(server('')), { recycle: { maxAge: 600 }, workers: 1 });
    const { reason } = await app.event('recycled');
    expect(reason).toBe('it is 1 s old');
  });
});
