// Each visitor has its worker: what Rust chooses, beside a model in JavaScript, and what clients of real workers see.

import { createRequire } from 'node:module';
import { stickyLoadBalancer } from 'flotilla';
import { describe, expect, it } from 'vitest';
import { handoffFront } from '../fixtures/handoff-front.mjs';
import { keptConnection, request } from '../fixtures/lifecycle.mjs';
import { proxyFront } from '../fixtures/proxy-front.mjs';

const native = createRequire(import.meta.url)('../../lib/native/loader.js');

const mask = 2n ** 64n - 1n;

/** @param {bigint} word */
function mix(word) {
  let mixed = (word + 0x9e3779b97f4a7c15n) & mask;
  mixed = ((mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
  mixed = ((mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn) & mask;
  return mixed ^ (mixed >> 31n);
}

/** Whom a visitor belongs to, by the definition. */
function model(visitor, workers) {
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(visitor)) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & mask;
  const key = mix(hash) >> 32n || 1n;
  const weights = workers.map((worker) => mix((key << 32n) | BigInt(worker)));
  return weights.findIndex((weight) => weights.every((other) => weight >= other));
}

const head = (target, headers = {}) =>
  Buffer.from(
    `GET ${target} HTTP/1.1\r\n${Object.entries(headers)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('')}\r\n`,
  );

describe('the worker of a visitor', () => {
  it('is the one that the model says, whatever it is told by', () => {
    for (let turn = 0; turn < 500; turn++) {
      const visitor = `visitor-${turn}`;
      const workers = Uint32Array.from({ length: 1 + (turn % 9) }, (_, index) => index * 7 + (turn % 5));
      const expected = model(visitor, [...workers]);
      const ways = [
        ['header:x-user', head('/', { 'X-User': visitor })],
        ['cookie:sid', head('/', { Cookie: `a=b; sid=${visitor}; c=d` })],
        ['query:sid', head(`/path?a=b&sid=${visitor}&c=d`)],
      ];
      for (const [by, bytes] of ways) expect(native.chooseSticky(by, bytes, '::1', workers)).toBe(expected);
      const address = `10.0.${turn >> 8}.${turn & 255}`;
      for (const from of [address, `::ffff:${address}`])
        expect(native.chooseSticky('ip', head('/'), from, workers)).toBe(model(address, [...workers]));
    }
  });

  it('is told by the strategy as a function too, and left to the default where nobody can be told', () => {
    const strategy = stickyLoadBalancer({ by: 'header:x-user' });
    const candidates = [4, 2, 9].map((workerIndex) => ({ id: `worker-${workerIndex}`, workerIndex }));
    const context = (request, previousIndex = 0) => ({ candidates, request, previousIndex });
    const rawHead = String(head('/', { 'X-User': 'ann' }));
    expect(strategy(context({ rawHead }))).toBe(candidates[model('ann', [4, 2, 9])]);
    expect([0, 1, 2].map((turn) => strategy(context({ rawHead: '' }, turn)))).toEqual(candidates);
  });

  it.each([
    [{}, 'FLOTILLA_ERR_INVALID_ARGUMENT', /by.*'header:name'/],
    [{ by: 'header' }, 'FLOTILLA_ERR_INVALID_ARGUMENT', /by/],
    [{ by: 'header:' }, 'FLOTILLA_ERR_INVALID_ARGUMENT', /by/],
    [{ by: 'ip:x' }, 'FLOTILLA_ERR_INVALID_ARGUMENT', /by/],
    [{ by: 'cookie:a b' }, 'FLOTILLA_ERR_INVALID_ARGUMENT', /by/],
    [{ by: 'constructor:x' }, 'FLOTILLA_ERR_INVALID_ARGUMENT', /by/],
    [{ bye: 'ip' }, 'FLOTILLA_ERR_UNKNOWN_OPTION', /"by"/],
    [undefined, 'FLOTILLA_ERR_INVALID_ARGUMENT', /options/],
  ])('is not looked for by %j', (options, code, message) => {
    expect(() => stickyLoadBalancer(options)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });
});

const visitors = Array.from({ length: 12 }, (_, index) => `visitor-${index}`);

/** Who answers each visitor, each over a connection of its own. */
async function owners(url, headers = (visitor) => ({ cookie: `sid=${visitor}` })) {
  const answers = visitors.map((visitor) => request(url, { agent: false, headers: headers(visitor) }));
  return (await Promise.all(answers)).map(({ headers: told }) => told['x-worker']);
}

describe.skipIf(process.platform !== 'linux').each([
  ['handed over', handoffFront],
  ['forwarded', proxyFront],
])('visitors whose connections are %s', (_, front) => {
  it('have their worker, and a worker that dies moves its own alone', async () => {
    const loadBalancer = stickyLoadBalancer({ by: 'cookie:sid' });
    const made = await front({ workers: 3, config: { loadBalancer } });
    const { url, workers } = made;
    const expected = visitors.map((visitor) => `worker-${model(visitor, [0, 1, 2])}`);
    for (let turn = 0; turn < 3; turn++) expect(await owners(url)).toEqual(expected);
    expect(new Set(expected).size).toBe(3);
    // Who brings no cookie belongs somewhere too.
    const strangers = await owners(url, () => ({}));
    expect(new Set(strangers)).toEqual(new Set([`worker-${model('127.0.0.1', [0, 1, 2])}`]));
    workers[1].child.kill('SIGKILL');
    await workers[1].ended;
    made.front.gone(workers[1].seat);
    const left = visitors.map((visitor) => `worker-${[0, 2][model(visitor, [0, 2])]}`);
    await expect.poll(() => owners(url).catch(String)).toEqual(left);
    expect(left.filter((worker, index) => worker !== expected[index])).toHaveLength(
      expected.filter((worker) => worker === 'worker-1').length,
    );
  });
});

describe.skipIf(process.platform !== 'linux')('a connection of a visitor', () => {
  it('moves to the worker that the visitor moves to, whatever it brings then', async () => {
    const loadBalancer = stickyLoadBalancer({ by: 'cookie:sid' });
    const { front, url, workers } = await handoffFront({ workers: 3, config: { loadBalancer } });
    const agents = visitors.map(() => keptConnection());
    const answered = (headers = () => ({})) =>
      Promise.all(
        visitors.map(async (visitor, index) => {
          const { headers: told } = await request(url, { agent: agents[index], headers: headers(visitor) });
          return told['x-worker'];
        }),
      );
    const owner = (workers) => (visitor) => `worker-${workers[model(visitor, workers)]}`;
    expect(await answered((visitor) => ({ cookie: `sid=${visitor}` }))).toEqual(
      visitors.map(owner([0, 1, 2])),
    );
    await front.drain(workers[1].seat);
    expect(await workers[1].tell('drain')).toBe('drained');
    expect(await answered()).toEqual(visitors.map(owner([0, 2])));
    // They are held by the primary by now, and outlive their worker.
    await expect.poll(() => front.counts().held).toBe(visitors.length);
    workers[0].child.kill('SIGKILL');
    await workers[0].ended;
    await expect.poll(() => front.counts().adopted).toBeGreaterThan(0);
    expect(await answered()).toEqual(visitors.map(owner([2])));
    expect(front.counts()).toMatchObject({ accepted: visitors.length, failed: 0 });
  });
});
