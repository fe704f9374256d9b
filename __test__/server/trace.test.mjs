// FLOTILLA_TRACE: native threads tell on stderr what they do.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { answering, ask, program, serving } from '../fixtures/balanced-server.mjs';
import { root } from '../fixtures/folders.mjs';
import { node } from '../fixtures/processes.mjs';

/** The lines of a thread, without their times. */
const linesOf = (stderr, thread) =>
  [...stderr.matchAll(/^\d{16} flotilla:(\w+) \d+ (.*)$/gm)]
    .filter(([, name]) => name === thread)
    .map(([, , line]) => line);

async function traced(wanted, options = {}) {
  const server = await serving({ workers: 1, ...options }, { FLOTILLA_TRACE: wanted });
  expect(await ask(server.url)).toMatchObject({ status: 200 });
  server.child.kill('SIGTERM');
  return (await server.ended).stderr;
}

describe.runIf(process.platform === 'linux')('a trace', () => {
  it('tells of a connection, from the front to its worker', async () => {
    const lines = linesOf(await traced('handoff'), 'handoff');
    for (const line of [
      'has a process at seat 0',
      'may give connections to seat 0',
      'begins to accept; seats that are ready: 1',
      'permits to accept a connection at seat 0',
      'accepts no more; seats that are ready: 1',
    ])
      expect(lines).toContain(line);
  });

  it('tells of the threads that are asked for, and of no other', async () => {
    const stderr = await traced('proxy, flights', { mode: 'proxy' });
    expect(linesOf(stderr, 'proxy')).toContain('forwards a connection to seat 0');
    expect(stderr).not.toContain('flotilla:admin');
    expect(await traced('admin')).toBe('');
  });

  it('is refused by a name that is no thread’s, with the nearest', async () => {
    const env = { ...process.env, FLOTILLA_TRACE: 'handof' };
    const { code, stderr } = await node(['-e', "require('flotilla').versions"], { cwd: root, env });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /FLOTILLA_TRACE must be \* or some of .*; it is "handof": did you mean "handoff"\?/,
    );
  });

  it('holds up nobody where stderr is full, and says then how much it has left out', async () => {
    const options = JSON.stringify({ mode: 'handoff' });
    const child = spawn(process.execPath, [program, options], {
      env: { ...process.env, FLOTILLA_TRACE: '*' },
    });
    onTestFinished(() => child.kill('SIGKILL'));
    child.stdout.setEncoding('utf8');
    let said = '';
    let port;
    while (!port) {
      const [chunk] = await once(child.stdout, 'data');
      said += chunk;
      port = /primary: result .*"port":(\d+)/.exec(said)?.[1];
    }
    child.stdout.resume();
    // A pipe has 64 KB: nobody reads it yet.
    expect(await answering(`http://127.0.0.1:${port}`, 1400)).toHaveLength(1400);
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (chunk) => {
      stderr += chunk;
    });
    const told = () => linesOf(stderr, 'handoff').some((line) => /left out before this: \d+$/.test(line));
    while (!told()) await ask(`http://127.0.0.1:${port}`);
  });
});
