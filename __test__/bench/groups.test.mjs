// Real processes that are halted: they go on as if nothing had been, and none stays behind.

import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { family } from '../../bench/balancer/cpu.mjs';
import { signalGroup, spawnGroup } from '../../bench/harness/groups.mjs';
import { start } from '../fixtures/processes.mjs';
import { makeRepository } from './repository.mjs';

const here = (/** @type {string} */ file) => fileURLToPath(new URL(`../../bench/${file}`, import.meta.url));

/** @param {number} pid @returns {string} `T` for one that is halted */
function stateOf(pid) {
  const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return line.slice(line.lastIndexOf(')') + 2, line.lastIndexOf(')') + 3);
}

describe.runIf(process.platform === 'linux')('a group of processes', () => {
  /** A program that has started another. */
  const parent = ['-c', 'sleep 600 & echo started; wait'];

  it('halts as a whole, and goes on', async () => {
    const child = spawnGroup('sh', parent);
    const leader = Number(child.pid);
    onTestFinished(() => signalGroup(leader, 'SIGKILL'));
    await new Promise((resolve) => child.stdout.once('data', resolve));
    const all = family([leader]);
    expect(all).toHaveLength(2);
    signalGroup(leader, 'SIGSTOP');
    await expect.poll(() => all.map(stateOf)).toEqual(['T', 'T']);
    signalGroup(leader, 'SIGCONT');
    await expect.poll(() => all.map(stateOf)).toEqual(['S', 'S']);
  });

  it('ends with its first process', async () => {
    const child = spawnGroup('sh', parent);
    // Both hold its output open.
    const closed = text(child.stdout);
    await new Promise((resolve) => child.stdout.once('data', resolve));
    child.kill('SIGKILL');
    await closed;
  });
});

const SUITE = `
import { servers } from ${JSON.stringify(new URL('../../bench/balancer/contestants.mjs', import.meta.url).href)};
export default servers('halted', { title: 'Two', measures: 'Hello world', kinds: ['http'] }).perSecond;
`;

it.runIf(process.platform === 'linux')(
  'servers that take turns give their figures, and are all gone when their run ends, is interrupted or is killed',
  async () => {
    const repository = await makeRepository({ 'bench/suites/halted.mjs': SUITE });
    const run = (/** @type {string[]} */ ...args) =>
      start(process.execPath, ['run.mjs', 'halted', ...args], { cwd: repository.root });
    const stopped = async (/** @type {NodeJS.Signals} */ signal) => {
      const one = run();
      await one.says(/warming up|round/);
      one.child.kill(signal);
      // That is when the last of them has closed its standard error.
      return one.ended;
    };
    const [ended, interrupted, killed] = await Promise.all([
      run('--quick').ended,
      stopped('SIGINT'),
      stopped('SIGKILL'),
    ]);
    expect(interrupted).toMatchObject({ code: 130, stdout: '' });
    expect(killed).toMatchObject({ signal: 'SIGKILL' });
    expect(ended.code).toBe(0);
    // No server warns of its workers.
    expect(ended.stderr.replace(/^bench halted: .*\n/gm, '')).toBe('');
    const { contestants } = JSON.parse(await repository.read('target/bench/halted.json'));
    for (const { median } of contestants) expect(median).toBeGreaterThan(0);
    expect(contestants).toHaveLength(3);
  },
  60_000,
);

it.runIf(process.platform === 'linux')(
  'a clustered server that is halted again and again, once for seconds, keeps its workers and warns of nothing',
  async () => {
    const server = start(process.execPath, [here('balancer/program.cjs'), 'handoff', 'http'], {
      input: true,
    });
    const [, port] = await server.prints(/port (\d+)/);
    const leader = Number(server.child.pid);
    const ask = async () => (await fetch(`http://127.0.0.1:${port}/hello`)).text();
    await ask();
    const before = family([leader]);
    for (const halted of [300, 300, 300, 2500, 300]) {
      signalGroup(leader, 'SIGSTOP');
      // It is asked meanwhile, as by a client that has been connected.
      const answer = ask();
      await pause(halted);
      signalGroup(leader, 'SIGCONT');
      expect(await answer).toBe('Hello wrk');
    }
    expect(family([leader])).toEqual(before);
    expect(server.written.stderr).toBe('');
  },
  30_000,
);
