// Every adapter over real workers: what one writes, another reads; it outlives both; and what one removes is gone for the other. Those of
// lru-cache, rate-limiter-flexible and socket.io, which do other things, have tests of their own beside them.

import { cpSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../fixtures/folders.mjs';
import { project, startIn } from '../fixtures/peers.mjs';

const program = 'adapter-workers.mjs';
const packages = ['keyv', 'keyv6', 'bentocache', 'unstorage', 'unstorage2'];
const adapters = [...packages, 'undici', 'apollo'];

describe('two workers, and the two that replace them', () => {
  it.each([
    ['shared', adapters],
    // Bentocache asks its first layer without promises, which needs shared memory.
    ['ipc', adapters.filter((adapter) => adapter !== 'bentocache')],
  ])('have one cache by every adapter, on the transport %s', async (transport, names) => {
    const folder = await project(packages);
    cpSync(path.join(root, '__test__/fixtures', program), path.join(folder, program));
    const env = { FLOTILLA_TRANSPORT: transport };
    const { stdout, stderr } = await startIn(folder, [program, ...names], env).ended;
    const all = names.map((name) => [name, ['it', 'it', 'it', null]]);
    expect(JSON.parse(stdout), stderr).toEqual(Object.fromEntries(all));
  });
});
