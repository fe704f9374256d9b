// The recipes of docs/frameworks.md for frameworks that are built first, run as they are written there, on apps of their generators.
// `npm run test:apps` builds those, and runs this.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { builtApps, fileOf } from '../../scripts/built-apps.mjs';
import { blocksOf } from '../fixtures/blocks.mjs';
import { bareEnvironment, command } from '../fixtures/commanded.mjs';
import { builtAddon, installCopy, root } from '../fixtures/folders.mjs';
import { freePort } from '../fixtures/ports.mjs';
import { start } from '../fixtures/processes.mjs';

const [, text] = readFileSync(path.join(root, 'docs/frameworks.md'), 'utf8').split('\n## Next, Nuxt');
const [section] = text.split('\n## ');
const folderOf = (name) => path.join(fileOf({ folder: name, entry: '.' }));

/** Each command: the app’s file, and the folder that it is built in. */
const commands = [...section.matchAll(/^npx flotilla start (\S+)$/gm)].map(([, entry]) => {
  const app = builtApps.find((each) => each.entry === entry);
  return [app?.name ?? entry, app?.folder, entry];
});
/** Each program, and the folder that it is run in. */
const programs = blocksOf(section).map(({ heading, code }) => [
  heading,
  heading.startsWith('Next') ? 'next' : 'sveltekit',
  code,
]);

/** Has each answer say which process it comes from. */
const marks = `
import { subscribe } from 'node:diagnostics_channel';
subscribe('http.server.request.start', ({ response }) => response.setHeader('x-answered-by', process.pid));`;

let place;
beforeAll(() => {
  place = mkdtempSync(path.join(tmpdir(), 'flotilla-recipes-'));
  writeFileSync(path.join(place, 'marks.mjs'), marks);
});
afterAll(() => {
  rmSync(place, { recursive: true, force: true });
});

const environment = async () => {
  const port = await freePort();
  const env = bareEnvironment({
    PORT: String(port),
    HOST: '127.0.0.1',
    HOSTNAME: '127.0.0.1',
    BASE_WORKER_PORT: '0',
    NODE_ENV: 'production',
    NODE_OPTIONS: `--import=${path.join(place, 'marks.mjs')}`,
    FLOTILLA_ADDON: process.env.FLOTILLA_ADDON || builtAddon,
  });
  return { port, env };
};

/** Clients that ask all the time, until they are told to stop: over a connection that stays, and over new ones. */
function load(port) {
  const state = { pids: new Set(), failures: [] };
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  let isOver = false;
  const ask = (how) =>
    new Promise((resolve, reject) => {
      const request = http.get({ port, host: '127.0.0.1', agent: how }, (response) => {
        response.resume().on('error', reject);
        response.on('end', () => resolve(response));
      });
      request.on('error', reject);
    });
  const one = async (how) => {
    while (!isOver) {
      const answer = await ask(how).catch((error) => error);
      if (answer.statusCode !== 200) state.failures.push(answer.statusCode ?? answer.message);
      else state.pids.add(answer.headers['x-answered-by']);
    }
  };
  const all = [one(agent), one(false), one(false)];
  return {
    ...state,
    stop: async () => {
      isOver = true;
      await Promise.all(all);
      agent.destroy();
    },
  };
}

/** Replaces the processes under load, and looks that others answer then and that nothing fails. */
async function replaced(port, replace) {
  const clients = load(port);
  const { pids, failures } = clients;
  const patience = { timeout: 30_000, interval: 20 };
  await vi.waitFor(() => expect(pids.size).toBeGreaterThanOrEqual(2), patience);
  const before = new Set(pids);
  await replace();
  const after = () => [...pids].filter((pid) => !before.has(pid));
  await vi.waitFor(() => expect(after().length).toBeGreaterThanOrEqual(2), patience);
  await clients.stop();
  expect(failures).toEqual([]);
}

describe('the document', () => {
  it('has a command or a program for each app that is built', () => {
    expect(commands.map(([name]) => name)).toEqual(['Next, standalone', 'Nuxt', 'SvelteKit', 'Astro']);
    expect(programs.map(([heading]) => heading)).toEqual(['Next, with a custom server', 'SvelteKit']);
  });
});

describe.runIf(process.env.FLOTILLA_TEST_APPS)('a recipe', () => {
  it.each(commands)(
    'serves, is reloaded with no request lost, and ends: %s',
    async (_name, folder, entry) => {
      const cwd = folderOf(folder);
      const { port, env } = await environment();
      const name = `recipe-${port}`;
      const call = (...args) => start(process.execPath, [command, ...args], { cwd, env: bareEnvironment() });
      const args = [command, 'start', entry, '--name', name, '--workers', '2'];
      const running = start(process.execPath, args, { cwd, env });
      await running.says(/ serves \S+:(\d+):/);
      await replaced(port, async () => {
        const { code, stderr } = await call('reload', '--name', name).ended;
        expect([code, stderr]).toEqual([0, '']);
      });
      expect((await call('stop', '--name', name).ended).code).toBe(0);
      expect((await running.ended).code).toBe(0);
    },
    120_000,
  );

  it.each(programs)(
    'is a program that serves, restarts with no request lost, and ends: %s',
    async (_heading, folder, code) => {
      const cwd = folderOf(folder);
      const { port, env } = await environment();
      const file = path.join(cwd, `recipe-${port}.mjs`);
      writeFileSync(file, code);
      onTestFinished(() => rmSync(file));
      rmSync(path.join(cwd, 'node_modules/flotilla'), { recursive: true, force: true });
      installCopy(cwd);
      onTestFinished(() => rmSync(path.join(cwd, 'node_modules/flotilla'), { recursive: true, force: true }));
      const { child, prints, ended } = start(process.execPath, [file], { cwd, env });
      await prints(/workers serve/);
      await replaced(port, async () => child.kill('SIGUSR2'));
      child.kill('SIGTERM');
      const { code: status, stderr } = await ended;
      expect([status, stderr]).toEqual([0, expect.any(String)]);
    },
    120_000,
  );
});
