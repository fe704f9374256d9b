/** Where a system hides or refuses what handing over needs: the server finds its way by itself, and says so. */

import { describe, expect, it } from 'vitest';
import { ask, balanced, serving } from '../fixtures/balanced-server.mjs';
import { withoutMemfd, withoutProc, works } from '../fixtures/confines.mjs';

describe.runIf(works(withoutMemfd))('where processes can share no memory', () => {
  it('connections are forwarded, figures are not shown, and the log says both', async () => {
    const options = { admin: { port: 0 } };
    const { url, printsTimes, child, ended } = await serving(options, {}, { within: withoutMemfd });
    await printsTimes('connections are forwarded: the system lets processes share no memory', 1);
    expect((await ask(url)).status).toBe(200);
    child.kill('SIGTERM');
    const { code, stdout } = await ended;
    expect(code).toBe(0);
    expect(stdout).toContain('the server goes on without its admin port');
  });

  it('a server that is to hand over says that it cannot', async () => {
    const { stdout, code } = await balanced({ mode: 'handoff' }, {}, { within: withoutMemfd }).ended;
    expect(stdout).toContain("mode must be 'proxy' or 'auto' here");
    expect(code).not.toBe(0);
  });
});

describe.runIf(works(withoutProc))('where /proc is hidden', () => {
  it('connections are handed over all the same', async () => {
    const { url, printsTimes, child, ended } = await serving({}, {}, { within: withoutProc });
    await printsTimes('connections are handed over', 1);
    expect((await ask(url)).status).toBe(200);
    child.kill('SIGTERM');
    expect((await ended).code).toBe(0);
  });
});
