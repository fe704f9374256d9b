// What a request costs beside `node:cluster`, by measures that say nothing of how fast the machine is: calls of the system,
// which are counted, and processor time, of which the least of several rounds is taken. The bars are wide: they are for a
// change, ours or of a new version of Node.js, that turns the picture.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { cpuTime, family } from '../../bench/balancer/cpu.mjs';
import { startProgram } from '../../bench/balancer/programs.mjs';
import { load } from '../../bench/balancer/wrk.mjs';
import { emptyFolder } from '../fixtures/folders.mjs';

/** Hand-off, and both ways of Node's own. */
const ways = ['handoff', 'none', 'rr'];

/** Those of V8's collector and of threads that wait for each other: how many they are is chance. */
const ofChance =
  /^\d+ +(futex|mprotect|mmap|munmap|madvise|brk|sched_yield|rt_sig\w+|restart_syscall|clock_\w+)\b/;

/**
 * Requests one after the other, each answered before the next: nothing depends on chance.
 *
 * @param {number} port
 * @param {number} count
 * @param {boolean} short a connection for each
 */
async function ask(port, count, short) {
  const head = `GET /hello/wrk HTTP/1.1\r\nHost: here\r\n${short ? 'Connection: close\r\n' : ''}\r\n`;
  for (let connections = 0; connections < (short ? count : 1); connections++) {
    const socket = connect(port, '127.0.0.1');
    const closed = once(socket, 'close');
    for (let asked = 0; asked < (short ? 1 : count); asked++) {
      socket.write(head);
      await once(socket, 'data');
    }
    if (!short) socket.destroy();
    await closed;
  }
}

/**
 * @param {string} way
 * @param {string} app
 * @returns {Promise<{ keep: number, short: number, sent: number }>} calls a request, and connections that were sent
 */
async function systemCalls(way, app) {
  const log = path.join(emptyFolder(), 'calls');
  const { port, close } = await startProgram(way, app, {}, ['strace', '-f', '-qq', '-o', log]);
  onTestFinished(close);
  const lines = () => readFileSync(log, 'latin1').split('\n');
  const calls = () =>
    lines().filter((line) => line !== '' && !line.includes('resumed>') && !ofChance.test(line)).length;
  const counted = async (/** @type {number} */ count, /** @type {boolean} */ short) => {
    await ask(port, 20, short);
    const before = calls();
    await ask(port, count, short);
    return (calls() - before) / count;
  };
  const [keep, short] = [await counted(300, false), await counted(150, true)];
  return { keep, short, sent: lines().filter((line) => /sendmsg\(.*SCM_RIGHTS/.test(line)).length };
}

/** The first bring the code to V8's compiler. */
const LEAST_ROUNDS = 6;
/** Whoever else wants the processors makes a round dear: it is tried again, as often. */
const MOST_ROUNDS = 40;

/**
 * @param {string} app
 * @param {boolean} short
 * @param {(times: Record<string, number>) => boolean} isEnough
 * @returns {Promise<Record<string, number>>} microseconds a request, by the way
 */
async function processorTimes(app, short, isEnough) {
  const servers = await Promise.all(ways.map((way) => startProgram(way, app)));
  onTestFinished(() => Promise.all(servers.map(({ close }) => close())));
  const least = Object.fromEntries(ways.map((way) => [way, Number.POSITIVE_INFINITY]));
  for (let round = 0; round < LEAST_ROUNDS || (round < MOST_ROUNDS && !isEnough(least)); round++) {
    for (const [index, { port, pids }] of servers.entries()) {
      const all = family(pids);
      const before = cpuTime(all);
      const { requests } = await load(port, { milliseconds: 200, short });
      least[ways[index]] = Math.min(least[ways[index]], (cpuTime(all) - before) / requests);
    }
  }
  return least;
}

describe.runIf(process.platform === 'linux').each(['http', 'express'])('a request of %s', (app) => {
  it('makes about as many calls of the system as one of a cluster', async () => {
    const [ours, none, rr] = await Promise.all(ways.map((way) => systemCalls(way, app)));
    expect(ours.keep).toBeLessThan(1.5 * Math.min(none.keep, rr.keep));
    // The primary says who accepts a connection, and sends none, but for those that a worker has let wait.
    expect(ours.short).toBeLessThan(1.2 * rr.short);
    expect(ours.sent).toBeLessThan(85);
  });

  it.each([
    ['over a connection that stays', false],
    ['over one of its own', true],
  ])('%s takes about as much processor time as one of a cluster', async (_, short) => {
    const bar = ({ none, rr }) => (short ? 2 : 1.6) * Math.min(none, rr);
    const times = await processorTimes(app, short, (least) => least.handoff < bar(least));
    expect(times.handoff).toBeLessThan(bar(times));
  });
});
