// The stores in clusters of several workers, behind the packages that they are for, over real HTTP.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../fixtures/folders.mjs';
import { start } from '../fixtures/processes.mjs';

const roles = ['express', 'fastify'];

/** @type {Record<string, string[]>} the ports of the workers of a cluster, by its role */
let ports;

/** Starts a cluster for each role, for all tests of a transport. */
function clusters(transport) {
  const kills = [];
  const env = { ...process.env, FLOTILLA_TRANSPORT: transport };
  beforeAll(async () => {
    const started = roles.map(async (role) => {
      const { prints } = start(process.execPath, ['__test__/fixtures/store-servers.mjs', role, '3'], {
        cwd: root,
        env,
        whenDone: (kill) => kills.push(kill),
      });
      const [, printed] = await prints(/ports ([\d ]+)/);
      return [role, printed.split(' ')];
    });
    ports = Object.fromEntries(await Promise.all(started));
  });
  afterAll(() => {
    for (const kill of kills) kill();
  });
}

/** Somebody who keeps a cookie, and chooses the worker. */
function visitor(role) {
  let cookie = '';
  const ask = async (worker, address) => {
    const response = await fetch(`http://127.0.0.1:${ports[role][worker]}${address}`, {
      headers: { cookie },
    });
    cookie = response.headers.get('set-cookie')?.split(';')[0] ?? cookie;
    return response;
  };
  const json = async (...request) => (await ask(...request)).json();
  /** What a worker answers to a request that has its session before something is done elsewhere, and ends after. */
  const slowly = async (worker, elsewhere) => {
    const answer = json(worker, '/see-slowly');
    while ((await json(worker, '/held')) === 0);
    await elsewhere();
    await json(worker, '/let-go');
    return answer;
  };
  return { ask, json, slowly };
}

/** How many of 30 requests, to all workers at once, got through. */
async function through(ask, address) {
  const responses = await Promise.all(Array.from({ length: 30 }, (_, index) => ask(index % 3, address)));
  const passed = responses.filter(({ status }) => status === 200);
  expect(responses.filter(({ status }) => status === 429)).toHaveLength(30 - passed.length);
  return passed.length;
}

describe.each(['shared', 'ipc'])('on the transport %s', (transport) => {
  clusters(transport);

  describe('express-session', () => {
    it('knows in each worker what another one stored, until one of them ends it', async () => {
      const { json } = visitor('express');
      const { pid } = await json(0, '/set?name=ada');
      const seen = [await json(1, '/see'), await json(2, '/see')];
      expect(seen.map(({ name }) => name)).toEqual(['ada', 'ada']);
      expect(new Set([pid, ...seen.map(({ pid }) => pid)]).size).toBe(3);
      await json(2, '/end');
      expect(await json(0, '/see')).not.toHaveProperty('name');
    });

    it('gives a new id, and nothing of the old session in any worker', async () => {
      const { ask, json } = visitor('express');
      await json(0, '/set?name=ada');
      const { headers } = await ask(1, '/renew');
      expect(headers.get('set-cookie')).toMatch(/^connect\.sid=/);
      expect(await json(2, '/see')).not.toHaveProperty('name');
    });

    it('keeps what one worker stores while another, which read before, only renews the lifetime', async () => {
      const { json, slowly } = visitor('express');
      await json(0, '/set?name=ada&round=1');
      const seen = await slowly(1, () => json(2, '/set?round=2'));
      expect(seen).toMatchObject({ name: 'ada', round: '1' });
      expect(await json(0, '/see')).toMatchObject({ name: 'ada', round: '2' });
    });

    it('does not bring back a session that ended while another worker still read it', async () => {
      const { json, slowly } = visitor('express');
      await json(0, '/set?name=ada');
      await slowly(1, () => json(2, '/end'));
      expect(await json(0, '/see')).not.toHaveProperty('name');
    });
  });

  it('express-rate-limit lets exactly the limit through, of requests to all workers at once', async () => {
    const { ask, json } = visitor('express');
    expect(await through(ask, '/limited?who=ada')).toBe(5);
    expect(await through(ask, '/limited?who=bob')).toBe(5);
    const refused = await ask(2, '/limited?who=ada');
    expect([refused.status, refused.headers.get('ratelimit')]).toEqual([
      429,
      expect.stringMatching(/^limit=5, remaining=0, reset=\d+$/),
    ]);
    await json(1, '/forget?who=ada');
    expect((await ask(0, '/limited?who=ada')).status).toBe(200);
  });

  it('@fastify/session knows in each worker what another one stored, until one of them ends it', async () => {
    const { json } = visitor('fastify');
    await json(0, '/set?name=ada');
    expect(await json(1, '/see')).toMatchObject({ name: 'ada' });
    await json(1, '/set?times=2');
    expect(await json(2, '/see')).toMatchObject({ name: 'ada', times: '2' });
    await json(2, '/end');
    expect(await json(0, '/see')).not.toHaveProperty('name');
  });

  it('@fastify/rate-limit lets exactly the limit through, of requests to all workers at once', async () => {
    const { ask } = visitor('fastify');
    expect(await through(ask, '/limited?who=ada')).toBe(5);
    expect(await through(ask, '/limited?who=bob')).toBe(5);
    expect((await ask(2, '/limited?who=ada')).headers.get('x-ratelimit-remaining')).toBe('0');
  });
});
