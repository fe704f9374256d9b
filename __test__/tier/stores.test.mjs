// The stores over a fleet: two machines, each a primary with its workers, share sessions and limits by the option `tier`, behind the
// packages that the stores are for, over real HTTP.

import { beforeAll, describe, expect, it } from 'vitest';
import { root } from '../fixtures/folders.mjs';
import { start } from '../fixtures/processes.mjs';
import { forTheFile, startRedis, until } from '../fixtures/tier.mjs';

const whenDone = forTheFile();
const MACHINES = 2;
const WORKERS = 2;

/** @type {string} */
let tier;
beforeAll(async () => {
  tier = String((await startRedis({ whenDone })).port);
});

/** The ports of the workers of one machine. @param {string} role */
async function machine(role) {
  const program = start(process.execPath, ['__test__/fixtures/store-servers.mjs', role, String(WORKERS)], {
    cwd: root,
    env: { ...process.env, FLOTILLA_TEST_TIER: tier },
    whenDone,
  });
  const [, printed] = await program.prints(/ports ([\d ]+)\n/);
  return printed.split(' ');
}

describe.each(['express', 'fastify'])('over machines that serve by %s', (role) => {
  /** @type {string[][]} */
  let machines;
  beforeAll(async () => {
    machines = await Promise.all(Array.from({ length: MACHINES }, () => machine(role)));
  }, 60_000);

  /** Somebody who keeps a cookie, and chooses the machine and the worker. */
  function visitor() {
    let cookie = '';
    return async (/** @type {number} */ at, /** @type {number} */ worker, /** @type {string} */ address) => {
      const response = await fetch(`http://127.0.0.1:${machines[at][worker]}${address}`, {
        headers: { cookie },
      });
      cookie = response.headers.get('set-cookie')?.split(';')[0] ?? cookie;
      return response.json();
    };
  }

  it('a session is known on all, as the last one has left it, until one of them ends it', async () => {
    const ask = visitor();
    await ask(0, 0, '/set?name=ada');
    expect(await ask(1, 1, '/see')).toMatchObject({ name: 'ada' });
    await ask(1, 0, '/set?times=2');
    // What one machine has in memory, the server tells it to forget.
    await until(
      () => ask(0, 1, '/see'),
      ({ name, times }) => name === 'ada' && times === '2',
    );
    await ask(0, 1, '/end');
    for (const [at, worker] of [
      [0, 0],
      [1, 1],
    ])
      await until(
        () => ask(at, worker, '/see'),
        ({ name }) => name === undefined,
      );
  });

  it('exactly the limit gets through, of requests to all workers at once', async () => {
    const asked = Array.from({ length: 40 }, (_, at) =>
      fetch(`http://127.0.0.1:${machines[at % MACHINES][(at >> 1) % WORKERS]}/limited?who=ada`),
    );
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(5);
    expect(statuses.filter((status) => status === 429)).toHaveLength(35);
  });
});
