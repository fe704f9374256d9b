// What a change has made old is never kept: a flight that runs on a key when that is changed on purpose stores nothing.

import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { inCluster } from '../fixtures/cache.mjs';
import { node } from '../fixtures/processes.mjs';

const races = fileURLToPath(new URL('../fixtures/cache-fresh.mjs', import.meta.url));

/** Runs all changes, and gives what was seen of each. */
async function race(transport, ...how) {
  const env = { ...process.env, FLOTILLA_TRANSPORT: transport };
  const ended = await node([races, ...how.map(String)], { env });
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  const all = ended.stdout.trim().split('\n').map(JSON.parse);
  expect(all.length).toBe(32);
  return all;
}

/** With its namespace a flight itself is gone: who followed it begins a new one. */
const isDestroyed = ({ change }) => change.startsWith('destroy');
const isAsked = ({ change }) => change.endsWith('asked after');

/** What is there in the end, and what was seen by who asked after the change. */
function expectFresh(saw) {
  const { change, leaves, asked, found } = saw;
  if (isDestroyed(saw)) {
    expect.soft([change, asked, found]).not.toContain('old');
    return;
  }
  const later = leaves ?? 'asked later';
  expect
    .soft({ change, asked, found })
    .toEqual({ change, asked: isAsked(saw) ? later : undefined, found: isAsked(saw) ? later : leaves });
}

/** Where the leader is, and where the change is made: 0 is the primary, 1 and 2 are workers. */
const places = [
  ['shared', 'in one process', 1, 1],
  ['shared', 'in two workers', 1, 2],
  ['shared', 'in a worker and the primary', 1, 0],
  ['ipc', 'in one process', 1, 1],
  ['ipc', 'in two workers', 1, 2],
  ['ipc', 'in a worker and the primary', 1, 0],
  ['ipc', 'in the primary and a worker', 0, 1],
];

describe.each(places)('a change on %s, leader and change %s', (transport, _, leader, mutator) => {
  it('voids a slow flight: who asked before gets its value, who asks after does not, and it is not stored', async () => {
    for (const saw of await race(transport, 'slow', leader, mutator)) {
      expectFresh(saw);
      expect.soft([saw.change, saw.led]).toEqual([saw.change, 'old']);
      if (!isDestroyed(saw)) expect.soft([saw.change, saw.followed]).toEqual([saw.change, saw.seed ?? 'old']);
    }
  });

  it('voids the flight of a leader that was replaced, and of the one that replaced it', async () => {
    for (const saw of await race(transport, 'replaced', leader, mutator)) {
      expectFresh(saw);
      expect.soft([saw.change, saw.led]).toEqual([saw.change, 'old']);
    }
  });

  it('leaves nothing to a leader whose lease has run out', async () => {
    for (const saw of await race(transport, 'expired', leader, mutator)) expectFresh(saw);
  });

  it.skipIf(leader === 0 || leader === mutator)(
    'leaves nothing of a leader that is killed, and frees who followed it',
    async () => {
      for (const saw of await race(transport, 'killed', leader, mutator)) {
        const fresh = [saw.seed, saw.leaves, 'asked later', 'led by the follower'];
        expect.soft([saw.change, fresh.includes(saw.followed)]).toEqual([saw.change, true]);
        expect.soft([saw.change, saw.found]).not.toContain('old');
        if (isAsked(saw) && !isDestroyed(saw))
          expect.soft([saw.change, saw.asked]).toEqual([saw.change, saw.leaves ?? 'asked later']);
      }
    },
  );
});

describe.each(['shared', 'ipc'])('a fetcher on %s', (transport) => {
  const env = { FLOTILLA_TRANSPORT: transport };
  const both = async (source) => {
    const { before, answers } = await inCluster(
      `${source}\nexport const worker = primary;
      // A fetcher that only listens keeps no process alive.
      const alive = setInterval(() => {}, 1000);
      export const afterwards = () => clearInterval(alive);`,
      {
        workers: 1,
        env,
      },
    );
    expect(answers).toEqual([before]);
    return before;
  };

  it('gets the key, a signal, and what was there, if that is refreshed; through wrap and memoize, too', async () => {
    const seen = await both(`
      const { memoize, wrap } = require(process.cwd());
      export async function primary() {
        const cache = new LRUCacheClustered({ namespace: 'told ' + process.pid, timeout: 60_000, failsafe: 'reject' });
        const wrapped = wrap(cache, { encode: (value) => ({ value }), decode: async ({ value }) => value });
        const seen = [cache.namespace === wrapped.namespace, cache.timeout, cache.failsafe, await wrapped.ready === undefined];
        const look = (by) => function (key, { signal, stale }) { seen.push([by, key, signal instanceof AbortSignal, signal.aborted, stale]); return by; };
        await cache.fetch('plain', look('first'));
        await cache.fetch('plain', look('second'), { forceRefresh: true });
        await wrapped.fetch('coded', look('third'));
        await wrapped.fetch('coded', look('fourth'), { forceRefresh: true });
        const load = function (...args) { seen.push([args, this.signal.aborted, this.stale]); return args[0]; };
        await memoize(cache, load, (id) => 'memo ' + id)(7, 'extra');
        await memoize(wrapped, load, (id) => 'memo ' + id, { forceRefresh: true })(8);
        return seen;
      }`);
    const nothing = null;
    expect(seen).toEqual([
      true,
      60_000,
      'reject',
      true,
      ['first', 'plain', true, false, nothing],
      ['second', 'plain', true, false, 'first'],
      ['third', 'coded', true, false, nothing],
      ['fourth', 'coded', true, false, 'third'],
      [[7, 'extra'], false, nothing],
      [[8], false, nothing],
    ]);
  });

  it('is told when its flight is void, and may give up: its callers get what is newer', async () => {
    const ends = await both(`
      export async function primary() {
        const cache = new LRUCacheClustered({ namespace: 'heeds ' + process.pid, timeout: 60_000 });
        const reasons = [];
        const heeds = (_key, { signal }) => new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => { reasons.push([signal.reason.code, signal.reason.message]); reject(signal.reason); });
          begun();
        });
        let begun;
        const ends = [];
        for (const change of [() => cache.set('key', 'newer'), () => cache.clear()]) {
          const running = new Promise((resolve) => { begun = resolve; });
          const led = cache.fetch('key', heeds, { forceRefresh: true });
          led.catch(() => {});
          await running;
          const second = new Promise((resolve) => { begun = resolve; });
          await change();
          // After clear its fetcher runs once more.
          if (ends.length > 0) { await second; await cache.set('key', 'newest'); }
          ends.push(await led);
        }
        return [ends, reasons];
      }`);
    const changed = [
      'FLOTILLA_ERR_FLIGHT_REVOKED',
      'What this fetcher brings will not be stored: its key was changed meanwhile',
    ];
    expect(ends).toEqual([
      ['newer', 'newest'],
      [changed, changed, changed],
    ]);
  });

  it('is told when another takes its place, and when its lease runs out', async () => {
    const reasons = await both(`
      export async function primary() {
        const cache = new LRUCacheClustered({ namespace: 'late ' + process.pid, timeout: 60_000 });
        const heard = (signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(signal.reason.message)));
        const late = await new Promise((resolve) => cache.fetch('a', (_key, { signal }) => heard(signal).then((why) => { resolve(why); return 'late'; }), { lease: 30 }));
        let begun;
        const running = new Promise((resolve) => { begun = resolve; });
        const replaced = new Promise((resolve) => cache.fetch('b', (_key, { signal }) => { heard(signal).then(resolve); begun(); return new Promise(() => {}); }).catch(() => {}));
        await running;
        await cache.fetch('b', () => 'forced', { forceRefresh: true });
        return [late, await replaced, await cache.get('b')];
      }`);
    const why = 'What this fetcher brings will not be stored: ';
    expect(reasons).toEqual([`${why}its lease has run out`, `${why}its key was changed meanwhile`, 'forced']);
  });

  it('that is forced and throws leaves the good value of another to be stored', async () => {
    const ends = await both(`
      export async function primary() {
        const cache = new LRUCacheClustered({ namespace: 'good ' + process.pid, timeout: 60_000 });
        let finish;
        const begun = new Promise((resolve) => {
          cache.good = cache.fetch('key', () => new Promise((done) => { finish = () => done('good'); resolve(); }));
        });
        await begun;
        const thrown = await cache.fetch('key', () => { throw new Error('no luck'); }, { forceRefresh: true }).catch(({ message }) => message);
        finish();
        return [thrown, await cache.good, await cache.get('key')];
      }`);
    expect(ends).toEqual(['no luck', 'good', 'good']);
  });
});
