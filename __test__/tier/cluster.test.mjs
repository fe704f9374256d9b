// A fleet over a Redis Cluster of three real nodes: what holds over one server holds here, and the keeper hears all nodes.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { LRUCacheClustered, redisTier } from '../../index.mjs';
import { freePort } from '../fixtures/ports.mjs';
import { forTheFile, startMachine, startRedis, until } from '../fixtures/tier.mjs';
import { connectTo, quit } from '../fixtures/tier-clients.mjs';

const whenDone = forTheFile();
const SLOTS = 16_384;

/** @type {Awaited<ReturnType<typeof startRedis>>[]} */
let nodes;
/** One to each node. @type {any[]} */
let clients;

beforeAll(async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'flotilla-cluster-'));
  whenDone(() => rmSync(folder, { recursive: true, force: true }));
  const buses = [await freePort(), await freePort(), await freePort()];
  nodes = await Promise.all(
    buses.map((bus, at) =>
      startRedis({
        whenDone,
        args: [
          ...['--cluster-enabled', 'yes', '--cluster-port', String(bus)],
          ...['--cluster-config-file', path.join(folder, `node-${at}.conf`)],
        ],
      }),
    ),
  );
  clients = await Promise.all(nodes.map(({ port }) => connectTo('ioredis', port)));
  whenDone(() => {
    for (const client of clients) client.disconnect();
  });
  const firsts = [0, 5461, 10_923, SLOTS];
  for (const [at, client] of clients.entries()) {
    await client.call('CLUSTER', 'ADDSLOTSRANGE', firsts[at], firsts[at + 1] - 1);
    if (at > 0) await client.call('CLUSTER', 'MEET', '127.0.0.1', nodes[0].port, buses[0]);
  }
  const state = () => Promise.all(clients.map((client) => client.call('CLUSTER', 'INFO')));
  await until(
    state,
    (all) => all.every((info) => /cluster_state:ok.*cluster_known_nodes:3/s.test(info)),
    20_000,
  );
}, 30_000);

const listening = async (/** @type {any} */ client) =>
  String(await client.call('CLIENT', 'LIST', 'TYPE', 'PUBSUB'))
    .trim()
    .split('\n')
    .filter(Boolean).length;

const pairs = process.env.FLEET_MINUTES
  ? [
      ['ioredis5', 'redis5'],
      ['ioredis', 'redis'],
    ]
  : [['ioredis', 'redis']];

describe.each(pairs)('a fleet over a cluster, with %s and %s', (...kinds) => {
  /** @type {ReturnType<typeof startMachine>[]} */
  let machines;
  beforeAll(async () => {
    const settings = { port: nodes[0].port, cache: { namespace: `of ${kinds}` }, whenDone };
    machines = kinds.map((kind) => startMachine({ ...settings, kind: `${kind} by cluster` }));
    for (const { run } of machines) await run('return cache.healthCheck()');
  }, 20_000);

  it('hears of changes on all nodes, on which its entries lie spread', async () => {
    const [first, second] = machines;
    const heard = await Promise.all(clients.map(listening));
    expect(heard.every((count) => count >= 2)).toBe(true);
    await first.run(`await cache.mSet(Array.from({ length: 60 }, (_, at) => ['key ' + at, at]))`);
    const read = `return [...(await cache.mGet(Array.from({ length: 60 }, (_, at) => 'key ' + at))).values()]`;
    const all = Array.from({ length: 60 }, (_, at) => at);
    expect(await second.run(read)).toEqual(all);
    const spread = await Promise.all(clients.map((client) => client.dbsize()));
    expect(Math.min(...spread)).toBeGreaterThan(3);
    await first.run(`for (let at = 0; at < 60; at++) await cache.set('key ' + at, at + 100)`);
    await until(
      () => second.run(read),
      (values) => values.every((/** @type {number} */ value, /** @type {number} */ at) => value === at + 100),
      2000,
    );
  });

  it('counts, claims, fetches once and invalidates tags', async () => {
    const [first, second] = machines;
    const everywhere = (/** @type {string} */ source) => Promise.all(machines.map(({ run }) => run(source)));
    await everywhere(
      `for (let i = 0; i < 25; i++) await cache.incr('hits', 1, { ttl: 60_000 }); return true`,
    );
    expect(await first.run(`return cache.get('hits')`)).toBe(50);
    const claims = await everywhere(`return cache.setIfAbsent('job', 1)`);
    expect(claims.filter(Boolean)).toHaveLength(1);
    const ask = `kept.runs ??= 0; await cache.fetch('cold', async () => { kept.runs++; return 1; }); return kept.runs`;
    const runs = await everywhere(ask);
    expect(runs[0] + runs[1]).toBe(1);
    await first.run(
      `await cache.set('a', 1, { tags: ['red', 'blue'] }); await cache.fetch('b', () => 2, { tags: () => ['red'] })`,
    );
    expect(await second.run(`return [await cache.get('a'), await cache.get('b')]`)).toEqual([1, 2]);
    await first.run(`await cache.invalidateTags(['red', 'none'])`);
    await until(
      () => second.run(`return [(await cache.get('a')) ?? null, (await cache.get('b')) ?? null]`),
      (found) => found.every((/** @type {any} */ value) => value === null),
      2000,
    );
  });

  it('clears all nodes, and remembers what a lifetime was', async () => {
    const [first, second] = machines;
    await first.run(`await cache.set('lives', 1, { ttl: 9000 })`);
    const left = await second.run(`await cache.get('lives'); return cache.sync.getRemainingTTL('lives')`);
    expect([left > 5000, left <= 9000]).toEqual([true, true]);
    await first.run(`await cache.clear()`);
    await until(
      () =>
        second.run(`return Promise.all(['lives', 'hits', 'key 1', 'key 2'].map((key) => cache.has(key)))`),
      (there) => !there.includes(true),
      2000,
    );
  });
});

it('refuses a prefix whose names could not lie together', async () => {
  const client = await connectTo('ioredis by cluster', nodes[0].port);
  expect(() => redisTier({ client, prefix: 'a{b:' })).toThrow(/without braces in a Redis Cluster/);
  const cache = new LRUCacheClustered({
    namespace: 'on one node',
    tier: redisTier({ client, prefix: '{shop}:' }),
  });
  expect([await cache.set('a', 1, { tags: ['red'] }), await cache.get('a')]).toEqual([true, 1]);
  await quit(client);
});

it('believes nothing of before when slots have another node', async () => {
  const { run } = startMachine({
    port: nodes[0].port,
    kind: 'ioredis by cluster',
    tier: { pingInterval: 100 },
    whenDone,
  });
  const keys = `Array.from({ length: 30 }, (_, at) => 'moved ' + at)`;
  const read = `return [...(await cache.mGet(${keys})).values()].filter((value) => value === undefined).length`;
  await run(`await cache.mSet(${keys}.map((key) => [key, 1]))`);
  expect(await run(read)).toBe(0);
  const slots = ['10923', String(SLOTS - 1)];
  for (const client of clients) await client.call('CLUSTER', 'DELSLOTSRANGE', ...slots);
  await clients[0].call('CLUSTER', 'ADDSLOTSRANGE', ...slots);
  // What lay in them lies on a node that does not have them any more.
  await until(
    () => run(read).catch(() => 0),
    (gone) => gone > 2,
  );
});
