// A control group with less memory than the cache was promised: the kernel would kill who takes the last page of it.

import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const limit = 160 * 2 ** 20;

/** Makes a group with a limit, where this process may: of version 1, or of version 2 with memory under its control. */
function makeGroup() {
  const older = '/sys/fs/cgroup/memory';
  const name = `flotilla-test-${process.pid}`;
  const [folder, file] = existsSync(older)
    ? [path.join(older, name), 'memory.limit_in_bytes']
    : [path.join('/sys/fs/cgroup', name), 'memory.max'];
  try {
    mkdirSync(folder);
    writeFileSync(path.join(folder, file), String(limit));
    return folder;
  } catch {
    if (existsSync(folder)) rmdirSync(folder);
    return undefined;
  }
}

const program = `
  const { writeFileSync } = require('node:fs');
  writeFileSync(process.argv[1] + '/cgroup.procs', String(process.pid));
  const { LRUCacheClustered } = require(process.cwd());
  LRUCacheClustered.bootstrap({ memory: '2gb' });
  const cache = new LRUCacheClustered({ namespace: 'tight', max: 1e6 });
  const bytes = 100_000, writes = 5000;
  (async () => {
    for (let i = 0; i < writes; i++) await cache.set(i, Buffer.alloc(bytes, i));
    let wrong = 0;
    for (const key of await cache.keys()) if (!(await cache.get(key)).equals(Buffer.alloc(bytes, key))) wrong++;
    const { entries, memoryEvictions, recoveries } = await cache.usage();
    console.log(JSON.stringify({ entries, memoryEvictions, recoveries, wrong, newest: await cache.has(writes - 1) }));
  })();`;

const group = makeGroup();

afterAll(() => {
  if (group) rmdirSync(group);
});

describe.skipIf(!group)('in a control group that has less memory than the ceiling', () => {
  it('the least recently used entries go, and nobody is killed', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', program, group], { cwd: root });
    const { entries, memoryEvictions, ...rest } = JSON.parse(stdout);
    expect(rest).toEqual({ recoveries: 0, wrong: 0, newest: true });
    expect(entries + memoryEvictions).toBe(5000);
    expect(entries).toBeGreaterThan(50);
    expect(entries * 100_000).toBeLessThan(limit);
    expect(readFileSync(path.join(group, 'cgroup.procs'), 'utf8')).toBe('');
  });
});
