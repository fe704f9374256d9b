// The recipes of docs/frameworks.md, run as they are written there, with the frameworks themselves.

import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { blocksOf } from '../fixtures/blocks.mjs';
import { fetched } from '../fixtures/fetched.mjs';
import { builtAddon, installCopy, root } from '../fixtures/folders.mjs';
import { start } from '../fixtures/processes.mjs';

/** Those of what is built first are run by `npm run test:apps`. */
const [document] = readFileSync(path.join(root, 'docs/frameworks.md'), 'utf8').split('\n## Next, Nuxt');
const recipes = blocksOf(document);
const packages = {
  '@apollo/server': '^5.0.0',
  '@as-integrations/express5': '^1.1.0',
  '@hapi/hapi': '^21.4.0',
  '@nestjs/common': '^11.0.0',
  '@nestjs/core': '^11.0.0',
  '@nestjs/platform-express': '^11.0.0',
  '@nestjs/platform-fastify': '^11.0.0',
  '@trpc/server': '^11.0.0',
  express: '^5.1.0',
  express4: 'npm:express@^4.21.0',
  fastify: '^5.0.0',
  graphql: '^16.11.0',
  'graphql-yoga': '^5.0.0',
  hono: '^4.0.0',
  koa: '^3.0.0',
  polka: '^0.5.2',
  'reflect-metadata': '^0.2.2',
  rxjs: '^7.8.0',
  'socket.io': '^4.8.0',
  ws: '^8.18.0',
};

/** A module of NestJS as a compiler of decorators leaves it. */
const nestModule = `
import 'reflect-metadata';
import { Controller, Get, Module } from '@nestjs/common';
class Hello {
  get() { return 'Hello from ' + process.pid; }
  onModuleDestroy() { console.log('destroyed'); }
}
Get()(Hello.prototype, 'get', Object.getOwnPropertyDescriptor(Hello.prototype, 'get'));
Controller()(Hello);
export class AppModule {}
Module({ controllers: [Hello] })(AppModule);`;

const query = '/graphql?query=%7Bhello%7D';
const header = { 'apollo-require-preflight': '1' };
/** What each is asked, where that is not `/`. */
const asked = { 'Apollo Server': query, 'GraphQL Yoga': query, tRPC: '/hello' };

/** @type {ReturnType<typeof fetched>} */
let tools;
beforeAll(() => {
  tools = fetched('frameworks', packages);
}, 240_000);

/** Asks, from an address of this machine's own: a strategy may tell visitors by that. */
async function ask(port, url, agent, localAddress = '127.0.0.1') {
  const outgoing = http.get({ port, host: '127.0.0.1', path: url, headers: header, agent, localAddress });
  const [incoming] = await once(outgoing, 'response');
  let text = '';
  for await (const chunk of incoming.setEncoding('utf8')) text += chunk;
  return { status: incoming.statusCode, pid: /Hello from (\d+)/.exec(text)?.[1] };
}

/** Starts a recipe in a folder of its own, and waits until it serves. */
async function served(code) {
  // Beside the packages, which are looked for in the folders above.
  const place = mkdtempSync(path.join(tools.folder, 'recipe-'));
  onTestFinished(() => rmSync(place, { recursive: true, force: true }));
  installCopy(place);
  writeFileSync(path.join(place, 'package.json'), '{ "type": "module" }');
  writeFileSync(path.join(place, 'app.module.js'), nestModule);
  writeFileSync(path.join(place, 'server.js'), code);
  const env = {
    ...process.env,
    PORT: '0',
    HOST: '127.0.0.1',
    BASE_WORKER_PORT: '0',
    FLOTILLA_ADDON: process.env.FLOTILLA_ADDON || builtAddon,
  };
  const program = start(process.execPath, ['server.js'], { cwd: place, env });
  const [, port] = await program.prints(/workers serve 127\.0\.0\.1:(\d+)/);
  return { ...program, port: Number(port) };
}

const programs = recipes.flatMap(({ heading, code }) => [
  { name: heading, url: asked[heading] ?? '/', code },
  ...(heading === 'Express'
    ? [{ name: 'Express 4', url: '/', code: code.replace("from 'express'", "from 'express4'") }]
    : []),
]);

/** Each starts six processes; all are run where FLOTILLA_TEST_FRAMEWORKS says so. */
const always = ['Express', 'NestJS', 'Hono', 'Apollo Server'];
const isRun = ({ name }) => process.env.FLOTILLA_TEST_FRAMEWORKS === 'all' || always.includes(name);

describe('the document', () => {
  it('has a recipe for each framework', () => {
    expect(programs.map(({ name }) => name)).toEqual([
      ...['Express', 'Express 4', 'Fastify', 'NestJS', 'NestJS on Fastify', 'Koa', 'Hono', 'hapi', 'polka'],
      ...['Apollo Server', 'GraphQL Yoga', 'tRPC', 'ws', 'socket.io'],
    ]);
  });
});

describe.runIf(process.platform === 'linux')('each recipe', () => {
  it.each(programs.filter(isRun))(
    'serves, restarts with no request lost, and ends: $name',
    async ({ name, url, code }) => {
      if (tools.reason) return;
      const program = await served(code);
      const { port, child, ended } = program;
      const pids = new Set();
      const failures = [];
      let isOver = false;
      const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
      const client = async (how) => {
        for (let turn = 0; !isOver; turn++) {
          const address = `127.0.0.${how === agent ? 1 : 2 + (turn % 8)}`;
          const answer = await ask(port, url, how, address).catch((error) => error);
          if (answer.status !== 200 || answer.pid === undefined) failures.push(answer);
          else pids.add(answer.pid);
          // The cores are for the processes that are to come.
          await pause(20);
        }
      };
      const clients = [client(agent), client(false), client(false)];
      await until(() => pids.size >= 2 || failures.length > 0);
      const before = new Set(pids);
      child.kill('SIGUSR2');
      await until(() => [...pids].filter((pid) => !before.has(pid)).length >= 2 || failures.length > 0);
      if (name === 'ws' || name === 'socket.io')
        expect(await greeting(port, name)).toMatch(/^(Hello from|0\{"sid")/);
      if (name === 'socket.io') for (let last = 2; last < 6; last++) await polls(port, `127.0.0.${last}`);
      isOver = true;
      await Promise.all(clients);
      agent.destroy();
      expect(failures).toEqual([]);
      child.kill('SIGTERM');
      const { code: status, stdout, stderr } = await ended;
      expect(status, stderr).toBe(0);
      if (name.startsWith('NestJS')) expect(stdout).toMatch('destroyed');
    },
    60_000,
  );
});

/** The first that a WebSocket brings. */
async function greeting(port, name) {
  const place = name === 'ws' ? '' : 'socket.io/?EIO=4&transport=websocket';
  const socket = new WebSocket(`ws://127.0.0.1:${port}/${place}`);
  const [data] = await once(socket, 'message');
  socket.terminate();
  return String(data);
}

/** A session of socket.io by polling, each request over a connection of its own. */
async function polls(port, localAddress) {
  const path = '/socket.io/?EIO=4&transport=polling';
  const request = async (/** @type {http.RequestOptions} */ options, /** @type {string} */ body) => {
    const outgoing = http.request({ port, host: '127.0.0.1', localAddress, agent: false, ...options });
    outgoing.end(body);
    const [incoming] = await once(outgoing, 'response');
    let text = '';
    for await (const chunk of incoming.setEncoding('utf8')) text += chunk;
    return text;
  };
  const { sid } = JSON.parse((await request({ path }, '')).slice(1));
  const session = `${path}&sid=${sid}`;
  expect(await request({ path: session, method: 'POST' }, '40')).toBe('ok');
  expect(await request({ path: session }, '')).toMatch(/^40\{"sid"[\s\S]*42\["hello",\d+\]$/);
}

async function until(holds) {
  while (!holds()) await pause(10);
}
