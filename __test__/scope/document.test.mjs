// Every block of document 000, run as it is written there. A line that ends in a comment with a value is checked
// against that value; what blocks take for granted (`app`, `metrics`, `server`) they are given.

import { readFileSync } from 'node:fs';
import { transform } from 'esbuild';
import express from 'express';
import { computed } from 'flotilla/core';
import { createServerScope } from 'flotilla/server';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { root } from '../fixtures/folders.mjs';
import { start } from '../fixtures/processes.mjs';
import { serve } from '../fixtures/servers.mjs';

const text = readFileSync(new URL('../fixtures/document-000.md', import.meta.url), 'utf8');
const blocks = new Map(
  [...text.matchAll(/^## ([^\n]*)\n\n```ts\n(.*?)```/gms)].map(([, name, code]) => [name, code]),
);

const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;

/** `expression; // value — remark` becomes a check, where the comment has a value. */
function withChecks(code) {
  return code.replace(/^\s*(\S.*); \/\/ ((?:\d|"|\{)[^—\n]*?)(?: —.*)?$/gm, 'check($1, $2);');
}

/**
 * Runs a block.
 *
 * @param {string} name
 * @param {Record<string, unknown>} [given] what it takes for granted
 * @returns what it declares, and how many values were checked
 */
async function run(name, given = {}) {
  const { code } = await transform(withChecks(blocks.get(name)), { loader: 'ts' });
  const body = code.replace(/^import (\{.*\}|\w+) from "(.*)";$/gm, (_all, names, module) => {
    return `const ${names.startsWith('{') ? names : `{ default: ${names} }`} = await load("${module}");`;
  });
  const declared = [...code.matchAll(/^const (\w+)/gm)].map(([, each]) => each);
  let checks = 0;
  const check = (actual, expected) => {
    expect(actual).toEqual(expected);
    checks++;
  };
  const scope = { load: (module) => import(module), check, ...given };
  const fn = new AsyncFunction(...Object.keys(scope), `${body}\nreturn { ${declared.join(', ')} };`);
  return { ...(await fn(...Object.values(scope))), checks };
}

const getJson = async (url, headers = {}) => (await fetch(url, { headers })).json();

describe('the document’s code', () => {
  it('is all run here', () => {
    expect(blocks.size).toBe(12);
  });

  it('Quick Start', async () => {
    const { checks, server } = await run('Quick Start');
    expect([checks, server.size]).toEqual([2, 0]);
  });

  it('Creating a Server Scope', async () => {
    const { serverScope } = await run('Creating a Server Scope');
    expect(serverScope.fork().id).toBe('ss_0');
  });

  it('Per-Request Scopes, over HTTP', async () => {
    const { serverScope } = await run('Creating a Server Scope');
    const app = express();
    app.use((req, _res, next) => {
      req.user = { id: req.headers['x-user-id'] };
      next();
    });
    const { userSignal } = await run('Per-Request Scopes', { app, serverScope });
    const url = await serve(app);
    const users = Array.from({ length: 50 }, (_, index) => `user ${index}`);
    const answers = await Promise.all(users.map((id) => getJson(`${url}/api/data`, { 'x-user-id': id })));
    expect(answers.map((data) => Object.values(data))).toEqual(users.map((id) => [id]));
    expect([serverScope.size, userSignal.get()]).toEqual([0, null]);
  });

  it('Shared Server State', async () => {
    const { checks } = await run('Shared Server State', { serverScope: createServerScope() });
    expect(checks).toBe(1);
  });

  it('Eviction and Cleanup', async () => {
    const log = vi.fn();
    const { serverScope } = await run('Eviction and Cleanup', { createServerScope, console: { log } });
    for (let count = 0; count < 5_001; count++) serverScope.fork();
    expect(log.mock.calls).toEqual([['Evicted scope: ss_0']]);
  });

  it('Graceful Shutdown, in a process that gets the signal', async () => {
    const script = `
      import { createServerScope } from 'flotilla/server';
      const serverScope = createServerScope({ onEvict: (id) => console.log('let go', id) });
      serverScope.fork();
      ${blocks.get('Graceful Shutdown')}
      console.log('ready');
      setInterval(() => {}, 1_000);`;
    const server = start(process.execPath, ['--input-type=module', '-e', script], { cwd: root });
    await server.prints(/ready/);
    server.child.kill('SIGTERM');
    expect(await server.ended).toMatchObject({ code: 0, stdout: 'ready\nlet go ss_0\n' });
  });

  it('createServerScope', async () => {
    const log = vi.fn();
    const { server } = await run('createServerScope', { console: { log } });
    server.dispose(server.fork().id);
    expect(log.mock.calls).toEqual([['Evicted: ss_0']]);
  });

  it('fork', async () => {
    const { checks } = await run('fork', { server: createServerScope() });
    expect(checks).toBe(1);
  });

  it('Express Middleware, over HTTP', async () => {
    const { app, server, userId } = await run('Express Middleware');
    const greeting = computed(() => `Hello ${userId.get()}`);
    app.get('/later', async (req, res) => {
      await new Promise((resolve) => setTimeout(resolve, 2));
      res.json({ greeting: greeting.get(), id: userId.get() });
      server.dispose(req.scope.id);
    });
    const url = await serve(app);
    const users = Array.from({ length: 50 }, (_, index) => `user ${index}`);
    const ask = (path) => Promise.all(users.map((id) => getJson(url + path, { 'x-user-id': id })));
    const [data, later] = await Promise.all([ask('/api/data'), ask('/later')]);
    expect(data.map((each) => Object.values(each))).toEqual(users.map((id) => [id]));
    expect(later).toEqual(users.map((id) => ({ greeting: `Hello ${id}`, id })));
    expect([server.size, userId.get()]).toEqual([0, null]);
  });

  it('Fastify Plugin, over HTTP', async () => {
    const { fastify, server } = await run('Fastify Plugin');
    const seen = [];
    fastify.get('/', async (req) => {
      seen.push(server.getScope(req.scope.id) === req.scope);
      return { id: req.scope.id };
    });
    const url = await fastify.listen({ port: 0, host: '127.0.0.1' });
    onTestFinished(() => fastify.close());
    const answers = await Promise.all(Array.from({ length: 20 }, () => getJson(url)));
    expect(new Set(answers.map(({ id }) => id)).size).toBe(20);
    expect(seen).toEqual(Array.from({ length: 20 }, () => true));
    await vi.waitFor(() => expect(server.size).toBe(0));
  });

  it('Monitoring Scope Usage', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const metrics = { increment: vi.fn(), gauge: vi.fn() };
    const { server } = await run('Monitoring Scope Usage', { metrics });
    server.fork();
    vi.advanceTimersByTime(60_001);
    server.fork();
    expect(metrics.increment.mock.calls).toEqual([['stateloom.scope.evicted']]);
    expect(metrics.gauge).toHaveBeenLastCalledWith('stateloom.scope.active', 1);
  });

  it('TypeScript', async () => {
    const { server, child, found } = await run('TypeScript');
    expect([child.id, found, server.size]).toEqual(['ss_0', child, 1]);
  });
});
