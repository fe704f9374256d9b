// The breaker by a clock of the test's own: who is let through to a server that does not answer, and when.

import { createRequire } from 'node:module';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

const require = createRequire(import.meta.url);
const { Breaker } = require('../../lib/tier/breaker.js');

// A call that is let through, where it is to be held off, waits for an answer.
vi.setConfig({ testTimeout: 5000 });

const TIMEOUT = 500;
/** How long the breaker holds all off after the first failure; twice as long after each that follows, up to the longest. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 500;

/** @type {InstanceType<typeof Breaker>} */
let breaker;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  breaker = new Breaker(TIMEOUT);
});
afterEach(() => {
  vi.useRealTimers();
});

/** What calls of the server are asked for, each answered by the test. */
function server() {
  /** @type {{ promise: Promise<any>, resolve: (answer: any) => void, reject: (error: Error) => void }[]} */
  const asked = [];
  const ask = () => {
    /** @type {any} */
    const call = {};
    call.promise = new Promise((resolve, reject) => Object.assign(call, { resolve, reject }));
    asked.push(call);
    return call.promise;
  };
  return {
    asked,
    call: () => breaker.run(ask).catch((/** @type {any} */ error) => error.code ?? error.message),
  };
}

const AWAY = 'FLOTILLA_ERR_TIER_AWAY';

/** Lets calls wait for nothing until one is late. @param {ReturnType<typeof server>} to */
async function open(to) {
  const late = to.call();
  await vi.advanceTimersByTimeAsync(TIMEOUT + 100);
  expect(await late).toBe(AWAY);
  expect(breaker.state).not.toBe('closed');
}

it('asks nothing of a server that has not answered, until its pause is over', async () => {
  const to = server();
  await open(to);
  breaker.close();
  // A connection that is lost is noticed at once, so the whole pause is to come.
  const lost = to.call();
  to.asked[1].reject(new Error('lost'));
  expect(await lost).toBe(AWAY);
  expect(breaker.state).toBe('open');
  await vi.advanceTimersByTimeAsync(FIRST_PAUSE - 1);
  expect([await to.call(), await to.call(), to.asked.length]).toEqual([AWAY, AWAY, 2]);
  await vi.advanceTimersByTimeAsync(1);
  expect(breaker.state).toBe('half-open');
});

it('lets one call through after the pause, holds the others off meanwhile, and all through once that is answered', async () => {
  const to = server();
  await open(to);
  await vi.advanceTimersByTimeAsync(LONGEST_PAUSE);
  const probe = to.call();
  expect([await to.call(), await to.call(), to.asked.length]).toEqual([AWAY, AWAY, 2]);
  expect(breaker.state).toBe('half-open');
  to.asked[1].resolve('answered');
  expect(await probe).toBe('answered');
  expect(breaker.state).toBe('closed');
  const calls = [to.call(), to.call()];
  to.asked[2].resolve(1);
  to.asked[3].resolve(2);
  expect(await Promise.all(calls)).toEqual([1, 2]);
});

it('holds all off again after a call that tried in vain, for twice as long each time, up to half a second', async () => {
  const to = server();
  const lost = async () => {
    const call = to.call();
    to.asked.at(-1)?.reject(new Error('lost'));
    expect(await call).toBe(AWAY);
  };
  await lost();
  for (const pause of [FIRST_PAUSE, 200, 400, LONGEST_PAUSE, LONGEST_PAUSE]) {
    await vi.advanceTimersByTimeAsync(pause - 1);
    expect([breaker.state, await to.call()]).toEqual(['open', AWAY]);
    await vi.advanceTimersByTimeAsync(1);
    expect(breaker.state).toBe('half-open');
    await lost();
  }
  await vi.advanceTimersByTimeAsync(LONGEST_PAUSE);
  const probe = to.call();
  to.asked.at(-1)?.resolve(1);
  await probe;
  // What was closed once begins with the first pause.
  await lost();
  await vi.advanceTimersByTimeAsync(FIRST_PAUSE);
  expect(breaker.state).toBe('half-open');
});

it('takes a server that says no for one that answers', async () => {
  const to = server();
  await open(to);
  await vi.advanceTimersByTimeAsync(LONGEST_PAUSE);
  const probe = to.call();
  to.asked[1].reject(new Error('WRONGTYPE it is a list'));
  expect(await probe).toBe('WRONGTYPE it is a list');
  expect(breaker.state).toBe('closed');
});

it('does not take an answer that comes too late for a second one', async () => {
  const to = server();
  await open(to);
  to.asked[0].resolve('late');
  await vi.advanceTimersByTimeAsync(0);
  expect(breaker.state).not.toBe('closed');
});
