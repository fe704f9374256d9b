// The recipes of docs/lifecycle.md, run as they stand there.

import { readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { hasNamespaces, unshare } from '../fixtures/clustered.mjs';
import { builtAddon, emptyFolder, installCopy, root } from '../fixtures/folders.mjs';
import { request } from '../fixtures/lifecycle.mjs';
import { node, start } from '../fixtures/processes.mjs';

const { table } = createRequire(import.meta.url)('../../lib/errors.js');
const text = readFileSync(path.join(root, 'docs/lifecycle.md'), 'utf8');
const fixture = (name) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
const programs = [
  ['in one process', fixture('lifecycle-program.mjs')],
  ['clustered', fixture('lifecycle-cluster.mjs')],
  [
    'clustered where JavaScript forwards',
    fixture('lifecycle-cluster.mjs'),
    { FLOTILLA_BALANCER: 'portable' },
  ],
];

/** The blocks of code that follow a line, up to the next section. */
function blocks(line, language) {
  const [section] = text.slice(text.indexOf(`\n${line}\n`) + 1).split(/\n## /, 2);
  return [...section.matchAll(/^```(\w+)\n(.*?)^```/gms)]
    .filter(([, of]) => of === language)
    .map(([, , code]) => code);
}

/** Writes a program into a folder of its own, where the package is installed. */
function written(name, code) {
  const folder = emptyFolder();
  installCopy(folder);
  const file = path.join(folder, name);
  writeFileSync(file, `const app = (_request, response) => response.end('hello');\n${code}`);
  return { folder, file };
}

/** An environment that knows of no test runner: these tests start their own. */
const plain = {
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(VITEST|NODE_TEST|NODE_ENV)/.test(name)),
  ),
  FLOTILLA_ADDON: builtAddon,
};

describe('the recipe', () => {
  it('for vitest is two tests that pass', async () => {
    const [code] = blocks('vitest:', 'js');
    const { folder } = written('recipe.test.mjs', code);
    symlinkSync(path.join(root, 'node_modules/vitest'), path.join(folder, 'node_modules/vitest'), 'dir');
    const runner = path.join(root, 'node_modules/vitest/vitest.mjs');
    const { stdout, code: exit } = await node([runner, 'run', '--reporter=json', '--root', folder], {
      cwd: folder,
      env: plain,
    });
    expect([JSON.parse(stdout).numPassedTests, exit]).toEqual([2, 0]);
  });

  it('for node:test is a test that passes', async () => {
    const [code] = blocks('node:test:', 'js');
    const { file } = written('recipe.mjs', code);
    const { stdout, code: exit } = await node(['--test-reporter=tap', file], { env: plain });
    expect([/^# pass (\d+)$/m.exec(stdout)?.[1], exit]).toEqual(['1', 0]);
  });

  it.runIf(hasNamespaces)('for Docker starts process 1, knows its health, and stops it', async () => {
    const [recipe] = blocks('## Docker', 'dockerfile');
    const line = (of) => new RegExp(`^${of}(.*)$`, 'm').exec(recipe)[1];
    const [command, healthCheck] = [JSON.parse(line('CMD ')), JSON.parse(line('HEALTHCHECK CMD '))];
    const options = JSON.stringify({ shutdownDelayMs: 500 });
    const [program, ...before] = [...unshare, command[0]];
    const { child, prints, ended } = start(program, [...before, fixture('lifecycle-program.mjs'), options]);
    const [, port] = await prints(/port (\d+)/);
    const healthy = async () => {
      const [of, ...args] = healthCheck.map((each) => each.replace('127.0.0.1:3000', `127.0.0.1:${port}`));
      return (await start(of, args).ended).code;
    };
    expect((await request(`http://127.0.0.1:${port}/`)).text).toContain('process 1');
    expect(await healthy()).toBe(0);
    const { stdout } = await start('pgrep', ['-P', String(child.pid)]).ended;
    process.kill(Number(stdout), line('STOPSIGNAL '));
    await prints(/draining/);
    expect(await healthy()).toBe(1);
    expect((await ended).code).toBe(0);
  });

  it.runIf(process.platform !== 'win32').each(programs)(
    'for Kubernetes, %s: readiness first, then the delay, then the drain',
    async (_kind, program, environment) => {
      const [[manifest], [code]] = [blocks('## Kubernetes', 'yaml'), blocks('## Kubernetes', 'js')];
      const probe = (name) => new RegExp(`${name}Probe: .*path: (/\\w+)`).exec(manifest)[1];
      const number = (name) => Number(new RegExp(`${name}: ([\\d_]+)`).exec(code)[1].replace('_', ''));
      const [delay, grace] = [number('shutdownDelayMs'), number('gracefulShutdownTimeoutMs')];
      const patience = 1000 * Number(/terminationGracePeriodSeconds: (\d+)/.exec(manifest)[1]);
      expect(patience).toBeGreaterThan(delay + grace + 1000);
      // A fifth of the delay: the sequence is the same.
      const options = { shutdownDelayMs: delay / 5, gracefulShutdownTimeoutMs: grace };
      const env = { ...process.env, ...environment };
      const { child, prints, ended } = start(process.execPath, [program, JSON.stringify(options)], { env });
      const [, port] = await prints(/port (\d+)/);
      const ask = (of, headers = {}) => request(`http://127.0.0.1:${port}${of}`, { agent: false, headers });
      const [ready, live] = [probe('readiness'), probe('liveness')];
      expect([(await ask(ready)).status, (await ask(probe('startup'))).status]).toEqual([200, 200]);
      const underWay = path.join(emptyFolder(), 'under way');
      writeFileSync(underWay, '');
      const slower = ask('/slower', { 'x-while': underWay });
      await prints(/slower/);
      process.kill(child.pid, 'SIGTERM');
      await prints(/draining/);
      while ((await ask(ready)).status !== 503);
      expect([(await ask(live)).status, (await ask('/')).status]).toEqual([200, 200]);
      while ((await ask('/')).status !== 503);
      // Every worker refuses until the last has answered.
      for (let turn = 0; turn < 10; turn++) expect((await ask('/')).text).toBe('Server is draining');
      rmSync(underWay);
      expect((await slower).status).toBe(200);
      expect((await ended).code).toBe(0);
    },
  );

  it.runIf(process.platform === 'linux')('for systemd reloads by the command of its unit', async () => {
    const [unit] = blocks('## systemd', 'ini');
    const [, command] = /^ExecReload=(.*)$/m.exec(unit);
    const { child, prints } = start(process.execPath, [programs[0][1]]);
    await prints(/port/);
    const MAINPID = String(child.pid);
    const reload = start('sh', ['-c', command], { env: { ...process.env, MAINPID } });
    expect((await reload.ended).code).toBe(0);
    await prints(/restarted/);
  });

  it('for PM2 has a stop wait longer than the server may take', async () => {
    const [code] = blocks('## PM2', 'js');
    const file = path.join(emptyFolder(), 'ecosystem.config.cjs');
    writeFileSync(file, code);
    const { apps } = createRequire(import.meta.url)(file);
    const defaultGraceMs = 5000;
    // What a clustered server takes at most.
    expect(apps[0].kill_timeout).toBeGreaterThanOrEqual(2 * defaultGraceMs + 2000);
  });
});

it('names no error that is not there, and each way out of the states by its own', () => {
  const named = [...text.matchAll(/FLOTILLA_ERR_\w+/g)].map(([code]) => code);
  expect(named.filter((code) => !(code in table))).toEqual([]);
  const [diagram] = blocks('## States', 'mermaid');
  const exits = [...diagram.matchAll(/starting --> stopped: .*?\((\w+)\)/g)].map(([, code]) => code);
  expect(exits).toEqual([
    'FLOTILLA_ERR_RESOURCE_FAILED',
    'FLOTILLA_ERR_APP_FAILED',
    'FLOTILLA_ERR_ADDRESS_IN_USE',
    'FLOTILLA_ERR_SERVER_NOT_READY',
  ]);
});
