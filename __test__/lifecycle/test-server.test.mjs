// Servers for tests: there for one test, and gone with it, in vitest and in node:test.

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import express from 'express';
import { testServer } from 'flotilla';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fetched } from '../fixtures/fetched.mjs';
import { builtAddon, emptyFolder, installCopy, root } from '../fixtures/folders.mjs';
import { node } from '../fixtures/processes.mjs';

const app = (_request, response) => response.end('well');

describe('in vitest, testServer', () => {
  const servers = [];

  it('gives a started server with an address, and takes an application of any kind', async () => {
    const server = await testServer(app);
    servers.push(server);
    expect(server.url).toBe(`http://127.0.0.1:${server.getPort()}`);
    expect(await (await fetch(server.url)).text()).toBe('well');
    const other = await testServer(express().get('/', (_request, response) => void response.send('express')));
    expect(await (await fetch(other.url)).text()).toBe('express');
    expect(other.getPort()).not.toBe(server.getPort());
  });

  it('has stopped it when the test has ended', () => {
    expect(servers.map(({ state }) => state)).toEqual(['stopped']);
  });

  it('is no reason to heed signals', async () => {
    const before = process.listenerCount('SIGTERM');
    await testServer(app);
    expect(process.listenerCount('SIGTERM')).toBe(before);
  });

  it('passes its options on', async () => {
    const { url } = await testServer(app, { healthEndpoints: { live: '/alive' } });
    expect((await fetch(`${url}/alive`)).headers.get('content-type')).toBe('application/json');
    const { url: other } = await testServer(app, { host: '::1' });
    expect([other.startsWith('http://[::1]:'), (await fetch(other)).status]).toEqual([true, 200]);
  });

  it.each([{ port: 3000 }, { workers: 2 }, { app: () => app }, { test: {} }])(
    'refuses %o',
    async (options) => {
      await expect(testServer(app, options)).rejects.toMatchObject({ code: 'FLOTILLA_ERR_INVALID_ARGUMENT' });
    },
  );

  it('rejects with what is wrong with the application', async () => {
    await expect(testServer(undefined)).rejects.toMatchObject({ code: 'FLOTILLA_ERR_APP_FAILED' });
  });

  describe('in a hook', () => {
    let shared;
    beforeEach(async () => {
      shared = await testServer(app);
      servers.push(shared);
    });
    it('is there for the test', async () => expect((await fetch(shared.url)).status).toBe(200));
    it('and a new one for the next', () => {
      expect(servers.map(({ state }) => state)).toEqual(['stopped', 'stopped', 'ready']);
    });
  });

  describe('where no test is running', () => {
    let refused;
    beforeAll(async () => {
      refused = await testServer(app).catch((error) => error);
    });
    it('is refused', () => expect(refused).toMatchObject({ code: 'FLOTILLA_ERR_TEST_UNKNOWN' }));
  });

  describe('in tests that run at the same time', () => {
    const concurrent = [];
    afterAll(() => expect(concurrent.map(({ state }) => state)).toEqual(['stopped', 'stopped']));
    for (const wait of [50, 1]) {
      it.concurrent(`has to be told which (${wait})`, async (context) => {
        await expect(testServer(app)).rejects.toMatchObject({ code: 'FLOTILLA_ERR_TEST_UNKNOWN' });
        const server = await testServer(app, { test: context });
        concurrent.push(server);
        await new Promise((resolve) => setTimeout(resolve, wait));
        context.expect((await fetch(server.url)).status).toBe(200);
      });
    }
  });
});

describe('in node:test, testServer', () => {
  const fixture = fileURLToPath(new URL('../fixtures/node-test-servers.mjs', import.meta.url));

  it('stops each server with its test, also of tests that run at the same time', async () => {
    const { code, stdout } = await node(['--test-reporter=tap', fixture]);
    expect(code).toBe(0);
    const said = /said: (.*)/.exec(stdout)[1].split(', ');
    expect(said.slice(0, 5)).toEqual([
      'first well',
      'first stopped',
      'second begins',
      'second well',
      'second stopped',
    ]);
    for (const name of ['third', 'fourth']) {
      expect(said.filter((each) => each.startsWith(name))).toEqual([
        `${name} well`,
        `${name} 200`,
        `${name} stopped`,
      ]);
    }
    expect(said.slice(-4)).toEqual([
      'FLOTILLA_ERR_TEST_UNKNOWN',
      'fifth well',
      'test of the hook',
      'fifth stopped',
    ]);
  });
});

describe('in Jest, testServer', () => {
  /** @type {ReturnType<typeof fetched>} */
  let tools;
  beforeAll(() => {
    tools = fetched('jest', { jest: '^30.0.0' });
  }, 180_000);

  /** Runs a file of tests in a program of its own. */
  async function jest(
    name,
    env = {},
    text = readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8'),
  ) {
    const folder = emptyFolder();
    installCopy(folder);
    writeFileSync(path.join(folder, 'package.json'), '{ "jest": { "testMatch": ["**/*.test.cjs"] } }');
    writeFileSync(path.join(folder, name), text);
    const program = path.join(tools.folder, 'node_modules/jest/bin/jest.js');
    const how = { cwd: folder, env: { ...process.env, ...env, FLOTILLA_ADDON: builtAddon } };
    return node([program, '--runInBand', '--no-watchman'], how);
  }

  it('stops each server with its test, and leaves nothing that keeps Jest', async (context) => {
    if (tools.reason) return context.skip(tools.reason);
    const { code, stderr } = await jest('jest-servers.test.cjs');
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch('6 passed');
    expect(stderr).not.toMatch('did not exit');
  });

  it('is used there as the document has it', async (context) => {
    if (tools.reason) return context.skip(tools.reason);
    const guide = readFileSync(path.join(root, 'docs/lifecycle.md'), 'utf8');
    const [, recipe] = /^Jest:\n\n```js\n(.*?)```/ms.exec(guide);
    const { stderr } = await jest(
      'recipe.test.cjs',
      {},
      `const app = (_request, response) => response.end('hello');\n${recipe}`,
    );
    expect(stderr).toMatch('1 passed');
  });

  it.each([
    ['is first loaded within one', {}],
    ['has several running at once', { FLOTILLA_TEST_CONCURRENT: '1' }],
  ])('says that it cannot tell the test where Jest %s', async (_what, env) => {
    if (tools.reason) return;
    const { code, stderr } = await jest('jest-unknown.test.cjs', env);
    expect(code, stderr).toBe(0);
  });
});

describe('where no tests run', () => {
  it('gives a server that the caller stops', async () => {
    const source = `
      import { testServer } from 'flotilla';
      const server = await testServer((_, response) => response.end('well'));
      console.log(await (await fetch(server.url)).text());
      await server.stop();`;
    const { code, stdout, stderr } = await node(['--input-type=module', '-e', source]);
    expect([code, stdout, stderr]).toEqual([0, 'well\n', '']);
  });
});
