/** `ttlAutopurge`: one search for all processes, and it costs little however many entries there are. */

import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { node } from '../fixtures/processes.mjs';

const program = fileURLToPath(new URL('../fixtures/autopurge.mjs', import.meta.url));

describe.runIf(process.platform === 'linux')('a shared cache whose entries remove themselves', () => {
  /** @type {any} */
  let report;
  beforeAll(async () => {
    const { stdout, stderr } = await node([program], { whenDone: () => {} });
    expect(stderr).not.toContain('Error');
    report = JSON.parse(stdout);
  }, 120_000);

  it('costs four idle processes little of a core together, while there is always something to look for', () => {
    // Under one percent where nothing else runs: `docs/cache.md` has the figure. A machine under load counts more.
    expect(report.percent).toBeLessThan(3);
  });

  it('goes on in another process when the one that knew what expires was killed', () => {
    expect(report.there).toBe(2001);
    expect(report.left).toEqual(['long']);
  });
});
