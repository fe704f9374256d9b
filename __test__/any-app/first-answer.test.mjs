// What stands between a start and its first answer: what a primary loads before it makes its first worker, which worker it
// waits for, and what the next start finds compiled.

import { enableCompileCache } from 'node:module';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { program, serving, whole } from '../fixtures/any-app.mjs';
import { started } from '../fixtures/commanded.mjs';
import { emptyFolder, root } from '../fixtures/folders.mjs';
import { node } from '../fixtures/processes.mjs';

const isPosix = process.platform !== 'win32';

describe('a start', () => {
  it('loads nothing of HTTP, TLS or cryptography in the primary', async () => {
    const script = `
      require('./lib/command/running.js');
      const heavy = ['_http_server', 'crypto', 'tls', 'dns/promises', 'fs/promises', 'internal/fs/promises'];
      const before = new Set(process.moduleLoadList);
      console.log(JSON.stringify(heavy.filter((name) => before.has('NativeModule ' + name))));`;
    const { stdout } = await node(['-e', script], { cwd: root });
    const { stdout: bare } = await node(['-e', script.replace(/require.*/, '')], { cwd: root });
    expect(JSON.parse(stdout)).toEqual(JSON.parse(bare));
  });

  it('gives its first worker the machine until that is ready, or a quarter of a second', async () => {
    // In every process of it, before all else; the primary tells what it sees.
    const watching = program(`
      const cluster = require('node:cluster');
      if (cluster.isPrimary) {
        const tell = (name) => process.send({ event: 'seen', what: { name, at: performance.now() } });
        cluster.on('fork', () => tell('made'));
        cluster.on('message', (_, { type }) => type === 'flotilla:worker-ready' && tell('ready'));
      }`);
    const script = program("require('node:http').createServer().listen(0);");
    const env = { ...process.env, NODE_OPTIONS: `--require ${watching}` };
    const app = await serving(script, { workers: 3 }, { env });
    await whole(app, 3);
    const seen = app.events.filter(({ event }) => event === 'seen').map(({ what }) => what);
    const [first, second] = seen.filter(({ name }) => name === 'made');
    const ready = seen.find(({ name }) => name === 'ready');
    const wasReady = ready.at < second.at;
    // A timer may be early by a part of a millisecond.
    expect(wasReady || second.at - first.at > 249, JSON.stringify(seen)).toBe(true);
    expect(await app.stop()).toBe(true);
  });

  it('does not wait for its first worker where another is ready', async () => {
    const folder = emptyFolder();
    // Who comes first listens when somebody else does.
    const app = await serving(
      program(`
        const { mkdirSync, existsSync, writeFileSync } = require('node:fs');
        const here = (name) => ${JSON.stringify(folder)} + '/' + name;
        const listen = () => require('node:http').createServer((_, response) => response.end()).listen(0, () => writeFileSync(here('listens'), ''));
        let isFirst = true;
        try { mkdirSync(here('first')); } catch { isFirst = false; }
        if (!isFirst) listen();
        else { const timer = setInterval(() => { if (existsSync(here('listens'))) { clearInterval(timer); listen(); } }, 10); }`),
      { workers: 2 },
    );
    expect(await whole(app, 2)).toHaveLength(2);
    expect(await app.stop()).toBe(true);
  });
});

describe.skipIf(!isPosix || enableCompileCache === undefined)('what was compiled', () => {
  const told = `
    require('node:http').createServer((_, response) =>
      response.end(JSON.stringify(require('node:module').getCompileCacheDir?.() ?? null))).listen(process.env.PORT);`;
  const ours = path.join(root, 'node_modules/.cache/flotilla');

  it('is kept beside the code, for the workers of the next start', async () => {
    const app = await started({ 'app.js': told }, { args: ['-w', '1'] });
    expect(await app.visit()).toContain(ours);
    expect((await app.call('stop')).code).toBe(0);
  });

  it('is not kept where the environment says so', async () => {
    const app = await started(
      { 'app.js': told },
      { args: ['-w', '1'], env: { NODE_DISABLE_COMPILE_CACHE: '1' } },
    );
    expect(await app.visit()).toBe(null);
    expect((await app.call('stop')).code).toBe(0);
  });
});
