/** Where a system hides or refuses what shared memory needs: the cache finds its way by itself, and says so. */

import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { withLittleSpace, withoutMemfd, withoutProc, works } from '../fixtures/confines.mjs';
import { start } from '../fixtures/processes.mjs';

const program = fileURLToPath(new URL('../fixtures/confined.mjs', import.meta.url));

/** @param {string[]} confined @param {Record<string, string>} [env] */
async function run([command, ...args], env = {}) {
  const { ended } = start(command, [...args, process.execPath, program], { env: { ...process.env, ...env } });
  const { stdout, stderr } = await ended;
  expect(stderr).not.toContain('Error');
  return JSON.parse(stdout || stderr);
}

const primary = expect.stringContaining('Workers ask the primary');
const asked = { fetched: 'fetched', count: 1 };

describe.runIf(works(withoutMemfd))('where no file can be had that is shared memory', () => {
  it('the primary keeps its cache, its workers ask it, and one warning says why', async () => {
    const { worked, ...rest } = await run(withoutMemfd);
    expect(worked).toEqual({ got: 'the primary', transport: 'ipc', warnings: [] });
    expect(rest).toEqual({ ...asked, warnings: [primary] });
    expect(rest.warnings[0]).toContain('Operation not permitted');
  });

  it('the IPC transport works, and nothing is to be warned of', async () => {
    const { worked, warnings } = await run(withoutMemfd, { FLOTILLA_TRANSPORT: 'ipc' });
    expect([worked.got, worked.transport, warnings]).toEqual(['the primary', 'ipc', []]);
  });
});

describe.runIf(works(withoutProc))('where /proc is hidden', () => {
  it('the memory of the primary is shared with its workers all the same', async () => {
    const { worked, ...rest } = await run(withoutProc);
    expect(worked).toEqual({ got: 'the primary', transport: 'shared', warnings: [] });
    expect(rest).toEqual({ ...asked, warnings: [] });
  });
});

describe.runIf(works(withLittleSpace))('where a process may map but three gigabytes', () => {
  it('the cache has a lower ceiling, and is shared', async () => {
    const { worked, ...rest } = await run(withLittleSpace);
    expect(worked).toEqual({ got: 'the primary', transport: 'shared', warnings: [] });
    expect(rest).toEqual({ ...asked, warnings: [] });
  });
});
