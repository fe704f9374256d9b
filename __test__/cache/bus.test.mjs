// The bus: one order for all readers, nothing lost by those that keep up, and an honest count for those that do not; over workers on
// both transports, and while workers are killed.

import { setTimeout as pause } from 'node:timers/promises';
import { createBus, LRUCacheClustered } from 'flotilla';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { inCluster, startProgram } from '../fixtures/cache.mjs';

let buses = 0;
/** A name for the bus of each test. */
const named = () => `bus ${++buses}`;

/** What a subscription has been given, and how to wait for more of it. */
async function collected(bus, options) {
  const seen = [];
  const offsets = [];
  const missed = [];
  const stop = await bus.subscribe(
    (message, offset) => {
      seen.push(message);
      offsets.push(offset);
    },
    { onMissed: (count) => missed.push(count), ...options },
  );
  onTestFinished(stop);
  const until = (count) => vi.waitUntil(() => seen.length >= count, { timeout: 20_000, interval: 1 });
  return { seen, offsets, missed, stop, until };
}

describe('in one process', () => {
  it('gives every message to every listener, in the order of their offsets, the publisher’s own too', async () => {
    const name = named();
    const [first, second] = [createBus(name), createBus(name)];
    const readers = [await collected(first), await collected(second)];
    const messages = [1, 'zwei', { drei: [3] }, null, false, Buffer.from('six'), new Date(0)];
    const offsets = [];
    for (const message of messages) offsets.push(await second.publish(message));
    for (const { seen, offsets: given, until } of readers) {
      await until(messages.length);
      expect(seen).toEqual(messages);
      expect(given).toEqual(offsets);
    }
  });

  it('keeps buses of other names apart', async () => {
    const [a, b] = [named(), named()];
    const other = await collected(createBus(b));
    const reader = await collected(createBus(a));
    await createBus(a).publish('for a');
    await reader.until(1);
    await createBus(b).publish('for b');
    await other.until(1);
    expect([reader.seen, other.seen]).toEqual([['for a'], ['for b']]);
  });

  it('begins with what is published after the subscription, or goes on from an offset', async () => {
    const bus = createBus(named());
    const offsets = [];
    for (let at = 0; at < 5; at++) offsets.push(await bus.publish(at));
    const [now, later] = [await collected(bus), await collected(bus, { from: offsets[1] })];
    await bus.publish(5);
    await Promise.all([now.until(1), later.until(4)]);
    expect([now.seen, later.seen, later.missed]).toEqual([[5], [2, 3, 4, 5], []]);
  });

  it('says how many messages are gone that it has not given', async () => {
    const bus = createBus(named(), { max: 10 });
    const first = await bus.publish(0);
    for (let at = 1; at <= 100; at++) await bus.publish(at);
    const reader = await collected(bus, { from: first });
    await reader.until(10);
    expect(reader.missed).toEqual([100 - reader.seen.length]);
    expect(reader.seen.at(-1)).toBe(100);
    expect(reader.seen.length).toBeGreaterThanOrEqual(10);
  });

  it('says that it does not know how many, where the ring was emptied', async () => {
    const bus = createBus(named());
    const reader = await collected(bus);
    await bus.publish(1);
    await reader.until(1);
    await new LRUCacheClustered({ namespace: `bus ${bus.name}` }).destroy();
    await bus.publish(2);
    await reader.until(2);
    expect([reader.seen, reader.missed]).toEqual([[1, 2], [Number.POSITIVE_INFINITY]]);
  });

  it('waits for a listener that takes its time, and loses nothing meanwhile', async () => {
    const bus = createBus(named());
    const seen = [];
    let running = 0;
    const stop = await bus.subscribe(async (message) => {
      expect(++running).toBe(1);
      await pause(1);
      seen.push(message);
      running--;
    });
    onTestFinished(stop);
    for (let at = 0; at < 50; at++) await bus.publish(at);
    await vi.waitUntil(() => seen.length === 50, { timeout: 20_000 });
    expect(seen).toEqual(Array.from({ length: 50 }, (_, at) => at));
  });

  it('gives nothing after it was told to stop', async () => {
    const bus = createBus(named());
    const [reader, other] = [await collected(bus), await collected(bus)];
    await bus.publish(1);
    await Promise.all([reader.until(1), other.until(1)]);
    reader.stop();
    await bus.publish(2);
    await other.until(2);
    expect(reader.seen).toEqual([1]);
  });

  it('takes messages from many publishers at once, each once', async () => {
    const bus = createBus(named());
    const reader = await collected(bus);
    const offsets = await Promise.all(Array.from({ length: 300 }, (_, at) => bus.publish(at)));
    await reader.until(300);
    expect(new Set(reader.seen).size).toBe(300);
    expect(new Set(offsets).size).toBe(300);
    expect(reader.seen).toEqual(reader.offsets.map((offset) => offsets.indexOf(offset)));
  });

  it('has a whole batch there for others before its publisher is done, and all in their order', async () => {
    const bus = createBus(named());
    const reader = await collected(bus);
    const ring = new LRUCacheClustered({ namespace: `bus ${bus.name}` });
    const numberOfLast = () => Number(ring.sync.peek('last').split(' ')[1]);
    await bus.publish(0);
    const publishes = [];
    for (let at = 1; at <= 150; at++) {
      publishes.push(bus.publishText(String(at)));
      if (at === 64) expect(numberOfLast()).toBe(65);
    }
    expect(numberOfLast()).toBe(129);
    const offsets = await Promise.all(publishes);
    await reader.until(151);
    expect(reader.seen).toEqual(Array.from({ length: 151 }, (_, at) => at));
    expect(reader.offsets.slice(1)).toEqual(offsets);
  });

  it('goes on from within what was published at once, and counts what is gone', async () => {
    const bus = createBus(named(), { max: 200 });
    const offsets = await Promise.all(Array.from({ length: 500 }, (_, at) => bus.publish(at)));
    for (const at of [0, 250, 350, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 498]) {
      const { messages, missed } = await bus.read(offsets[at]);
      const seen = messages.map(([message]) => message);
      expect(missed + seen.length).toBe(499 - at);
      expect(seen).toEqual(Array.from(seen, (_, index) => 500 - seen.length + index));
      expect(messages.map(([, offset]) => offset)).toEqual(offsets.slice(500 - seen.length));
      // A batch goes as a whole, and the last messages stay whatever it had.
      expect(seen.length).toBeGreaterThanOrEqual(Math.min(499 - at, 200 - 12));
    }
  });

  it('keeps about as many messages as it was told to, also where they come at once', async () => {
    const bus = createBus(named(), { max: 200 });
    for (let round = 0; round < 10; round++)
      await Promise.all(Array.from({ length: 300 }, (_, at) => bus.publish(at)));
    const kept = await new LRUCacheClustered({ namespace: `bus ${bus.name}` }).entries();
    const count = (batch) => (typeof batch === 'string' ? JSON.parse(batch) : batch[0]).length;
    const messages = kept.filter(([key]) => key !== 'last').reduce((sum, [, batch]) => sum + count(batch), 0);
    expect(messages).toBeGreaterThanOrEqual(200 - 12);
    expect(messages).toBeLessThanOrEqual(200 + 2 * 12);
  });

  it('refuses one of many that are published at once, and gives out the others in their order', async () => {
    const bus = createBus(named());
    const reader = await collected(bus);
    const messages = [1, { click() {} }, Buffer.from('two'), 'three', new Map([[4, 4]])];
    const outcomes = await Promise.allSettled(messages.map((message) => bus.publish(message)));
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
      'fulfilled',
    ]);
    await reader.until(4);
    expect(reader.seen).toEqual(messages.filter((_, at) => at !== 1));
    expect(reader.offsets).toEqual(outcomes.flatMap(({ value }) => value ?? []));
  });

  it('refuses what means nothing, and publishes none of it', async () => {
    const bus = createBus(named());
    const reader = await collected(bus);
    const refused = { code: 'FLOTILLA_ERR_INVALID_ARGUMENT' };
    expect(() => createBus(1)).toThrow(expect.objectContaining(refused));
    expect(() => createBus('a', { max: 0 })).toThrow(expect.objectContaining(refused));
    expect(() => createBus('a', { mxa: 5 })).toThrow(
      expect.objectContaining({ code: 'FLOTILLA_ERR_UNKNOWN_OPTION' }),
    );
    await expect(bus.subscribe('listener')).rejects.toMatchObject(refused);
    await expect(bus.subscribe(() => {}, { from: '12' })).rejects.toMatchObject(refused);
    await expect(bus.subscribe(() => {}, { form: 'a.1' })).rejects.toMatchObject({
      code: 'FLOTILLA_ERR_UNKNOWN_OPTION',
    });
    await expect(bus.publish(undefined)).rejects.toMatchObject(refused);
    await expect(bus.publish({ click() {} })).rejects.toMatchObject({
      code: 'FLOTILLA_ERR_VALUE_NOT_CLONEABLE',
    });
    await bus.publish('good');
    await reader.until(1);
    expect(reader.seen).toEqual(['good']);
  });
});

/** What the workers of a test begin with. */
const prelude = `
  const { createBus } = await import(${JSON.stringify(new URL('../../index.mjs', import.meta.url).href)});
  const { setTimeout: pause } = await import('node:timers/promises');
  const bus = createBus('shared', { max: 100_000 });
  const counts = new LRUCacheClustered({ namespace: 'counts', timeout: 5000, failsafe: 'reject' });
  const [seen, missed] = [[], []];
  const listen = () => bus.subscribe((message) => seen.push(message), { onMissed: (count) => missed.push(count) });
  const until = async (holds) => { while (!(await holds())) await pause(2); };
`;

describe.each(['shared', 'ipc'])('over workers, on the transport %s', (transport) => {
  it('gives all of them every message of all in one order', async () => {
    const { answers } = await inCluster(
      `${prelude}
      export const primary = () => {};
      export async function worker() {
        await listen();
        await counts.incr('listening');
        await until(async () => (await counts.get('listening')) === 3);
        for (let at = 0; at < 70; at++) await bus.publish(process.pid + ' ' + at);
        await until(() => seen.length >= 210);
        return { seen, missed };
      }`,
      { workers: 3, env: { FLOTILLA_TRANSPORT: transport } },
    );
    const [{ seen, missed }, ...others] = answers;
    expect([new Set(seen).size, missed]).toEqual([210, []]);
    for (const other of others) expect(other).toEqual({ seen, missed });
    for (const pid of new Set(seen.map((message) => message.split(' ')[0]))) {
      const numbers = seen
        .filter((message) => message.startsWith(`${pid} `))
        .map((text) => +text.split(' ')[1]);
      expect(numbers).toEqual(Array.from({ length: 70 }, (_, at) => at));
    }
  });
});

describe('while workers are killed', () => {
  it('publishes each message whole and once, or not at all, and the others go on', async () => {
    const { prints } = startProgram(`${prelude}
      import { once } from 'node:events';
      export async function main() {
        if (!cluster.isPrimary) {
          await listen();
          for (let at = 0; ; at++) {
            await bus.publish(process.pid + ' ' + at);
            // Told before it can be killed: what was told was published.
            if (at % 10 > 0) continue;
            process.send({ told: process.pid + ' ' + at });
            await pause(1);
          }
        }
        await listen();
        const told = [];
        const fork = () => cluster.fork().on('message', (message) => message.told && told.push(message.told));
        // One that has died is among the workers until its channel has ended, too.
        const alive = () => Object.values(cluster.workers).filter((worker) => !worker.isDead());
        for (let at = 0; at < 3; at++) fork();
        for (let kill = 0; kill < 12; kill++) {
          const victim = alive()[kill % 3];
          const its = (message) => message.startsWith(victim.process.pid + ' ');
          await until(() => seen.findLast(its)?.split(' ')[1] > 100);
          victim.process.kill('SIGKILL');
          await once(victim, 'exit');
          fork();
        }
        const survivors = alive();
        for (const worker of survivors) worker.process.kill('SIGKILL');
        await Promise.all(survivors.map((worker) => once(worker, 'exit')));
        await bus.publish('the end');
        await until(() => seen.at(-1) === 'the end');
        const gaps = [];
        const next = new Map();
        for (const message of seen.slice(0, -1)) {
          const [pid, number] = message.split(' ');
          if (Number(number) !== (next.get(pid) ?? 0)) gaps.push(message);
          next.set(pid, Number(number) + 1);
        }
        const given = new Set(seen);
        console.log(JSON.stringify({
          published: seen.length > 500, twice: seen.length - given.size, gaps, missed,
          lost: told.filter((message) => !given.has(message)), several: next.size > 5, unsound: addon.segmentValidate() ?? null,
        }));
        process.exit(0);
      }`);
    const [line] = await prints(/\{.*\}/);
    expect(JSON.parse(line)).toEqual({
      published: true,
      twice: 0,
      gaps: [],
      missed: [],
      lost: [],
      several: true,
      unsound: null,
    });
  });
});
