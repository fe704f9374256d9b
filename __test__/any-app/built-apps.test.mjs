// Apps of the frameworks that are built first, unchanged. `npm run test:apps` builds them, and runs this.

import { describe, expect, it } from 'vitest';
import { builtApps, fileOf } from '../../scripts/built-apps.mjs';
import { load, serving, whole } from '../fixtures/any-app.mjs';
import { until } from '../fixtures/clustered.mjs';
import { freePort } from '../fixtures/ports.mjs';

const chosen = process.env.FLOTILLA_TEST_APPS?.split(',') ?? [];
const reloads = Number(process.env.FLOTILLA_TEST_RELOADS ?? 1);

describe.runIf(chosen.length > 0)('an app of', () => {
  it.each(builtApps.filter(({ folder }) => chosen.includes(folder)).map((app) => [app.name, app]))(
    `%s is served by all workers, and loses no request (reloads: ${reloads})`,
    async (name, app) => {
      const port = String(await freePort());
      const address = { PORT: port, HOST: '127.0.0.1', HOSTNAME: '127.0.0.1' };
      const cwd = fileOf({ ...app, entry: '.' });
      const served = await serving(fileOf(app), { cwd, env: { NODE_ENV: 'production', ...address } });
      await whole(served);
      const clients = load(served.url());
      await until(async () => (await served.status()).workers.every((each) => each.servedRequests > 0));
      const began = performance.now();
      for (let turn = 0; turn < reloads; turn++) await served.restart();
      const seconds = Math.round((performance.now() - began) / 1000);
      const { failures, answered } = await clients.stop();
      const { connections } = await served.status();
      console.log(
        `| ${name} | ${reloads} | ${answered} | ${failures.length} | ${connections.moved} | ${seconds} s |`,
      );
      expect(failures).toEqual([]);
      expect(answered).toBeGreaterThan(reloads);
      expect(connections).toMatchObject({ failed: 0, refused: 0 });
      expect(await served.stop()).toBe(true);
    },
    60_000 + 30_000 * reloads,
  );
});
