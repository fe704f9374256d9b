// The clustered examples: the lines of their README, and what each of them promises of the whole cluster.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { emptyFolder, root } from '../fixtures/folders.mjs';
import { start } from '../fixtures/processes.mjs';

const readme = readFileSync(path.join(root, 'examples/README.md'), 'utf8');

/** The README's examples: the program, and its lines with what they print. */
const recipes = [...readme.matchAll(/```sh\nnode examples\/(\S+)\n```\n\n```sh\n(.*?)```/gs)].map(
  ([, program, lines]) => ({
    program,
    steps: [...lines.matchAll(/^(?!# )(.+)\n((?:# .*\n)*)/gm)].map(([, command, printed]) => ({
      command,
      printed: printed.replace(/^# /gm, '').trim(),
    })),
  }),
);

/** @param {string} program @param {Record<string, string>} [env] */
async function serve(program, env) {
  const { child, prints, ended } = start(process.execPath, [`examples/${program}`], {
    cwd: root,
    env: { ...process.env, PORT: '0', WORKERS: '3', ...env },
  });
  const [, url] = await prints(/3 workers on (http:\S+)/);
  /** Each request over a connection of its own, so that workers take turns. */
  const request = (target, options = {}) =>
    fetch(url + target, { ...options, headers: { connection: 'close', ...options.headers } });
  return {
    url,
    request,
    json: async (target, options) => (await request(target, options)).json(),
    /** The same request many times at once. */
    burst: (count, target, options) =>
      Promise.all(Array.from({ length: count }, () => request(target, options))),
    async stop() {
      child.kill('SIGTERM');
      const { code, stderr } = await ended;
      return { code, stderr };
    },
  };
}

const bodies = (responses) => Promise.all(responses.map((response) => response.json()));
const different = (values) => new Set(values).size;

/** Asks until every worker has answered. @param {() => Promise<any>} ask @param {(answer: any) => unknown} by */
async function askAll(ask, by = ({ answeredBy }) => answeredBy) {
  const answers = new Map();
  while (answers.size < 3) {
    const answer = await ask();
    answers.set(by(answer), answer);
  }
  return [...answers.values()];
}

/** A Redis of the test's own, on a socket in a folder of its own. */
async function startRedis() {
  const socket = path.join(emptyFolder(), 'redis.sock');
  const server = start('redis-server', [
    '--port',
    '0',
    '--unixsocket',
    socket,
    '--save',
    '',
    '--appendonly',
    'no',
  ]);
  await server.prints(/eady to accept connections/);
  return { socket, server };
}

describe('the README of the examples', () => {
  it('has a recipe for each clustered server', () => {
    expect(recipes.map(({ program }) => program)).toEqual(
      ['users', 'rate-limit', 'session', 'idempotency', 'compressed-documents', 'multilayer-redis'].map(
        (name) => `clustered-${name}-server.mjs`,
      ),
    );
  });

  it.each(recipes)('says what $program prints, and the server ends cleanly', async ({ program, steps }) => {
    const redis = program.includes('redis') ? await startRedis() : undefined;
    const { url, stop } = await serve(program, redis && { REDIS_URL: redis.socket });
    const folder = emptyFolder();
    for (const { command, printed } of steps) {
      const line = command.replaceAll('localhost:3000', new URL(url).host);
      const { stdout } = await start('sh', ['-c', line], { cwd: folder }).ended;
      const pattern = printed
        .split('…')
        .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
        .join('.+');
      expect(stdout.trim(), command).toMatch(new RegExp(`^${pattern}$`));
    }
    expect(await stop()).toEqual({ code: 0, stderr: '' });
  });
});

describe('three workers', () => {
  it('load a user once for all of them', async () => {
    const { burst, json } = await serve('clustered-users-server.mjs');
    const answers = await bodies(await burst(30, '/users/42'));
    expect(different(answers.map(({ loadedBy, loadedAt }) => `${loadedBy} ${loadedAt}`))).toBe(1);
    expect(different(answers.map(({ answeredBy }) => answeredBy))).toBeGreaterThan(1);
    expect(await json('/stats')).toMatchObject({ sets: 1 });
  });

  it.each(['shared', 'ipc'])(
    'let exactly the limit through, of requests that come at once, %s',
    async (FLOTILLA_TRANSPORT) => {
      const { burst } = await serve('clustered-rate-limit-server.mjs', { FLOTILLA_TRANSPORT });
      const responses = await burst(40, '/quote', { headers: { 'x-api-key': 'ada' } });
      expect(responses.filter(({ status }) => status === 200)).toHaveLength(5);
      const refused = responses.filter(({ status }) => status === 429);
      expect(refused).toHaveLength(35);
      for (const { headers } of refused) {
        expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
        expect(headers.get('ratelimit')).toMatch(/^limit=5, remaining=0, reset=\d+$/);
      }
      expect(different((await bodies(responses)).map(({ answeredBy }) => answeredBy))).toBeGreaterThan(1);
    },
  );

  it('know a session that one of them opened, until one of them ends it', async () => {
    const { json, request } = await serve('clustered-session-server.mjs');
    const login = await request('/login', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"name":"ada"}',
    });
    const headers = { cookie: login.headers.get('set-cookie').split(';')[0] };
    const me = () => json('/me', { headers });
    expect(different((await askAll(me)).map(({ name, since }) => name + since))).toBe(1);
    expect(await json('/logout', { method: 'POST', headers })).toEqual({ ended: true });
    expect((await askAll(me)).map(({ error }) => error)).toEqual(Array(3).fill('not logged in'));
  });

  it('do a job once, for requests that come at once', async () => {
    const { burst } = await serve('clustered-idempotency-server.mjs');
    const responses = await burst(30, '/jobs', { method: 'POST', headers: { 'idempotency-key': 'a' } });
    expect(responses.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(responses.filter(({ status }) => status === 202)).toHaveLength(29);
    const results = (await bodies(responses)).flatMap(({ result }) => result ?? []);
    expect(different(results)).toBe(1);
  });

  it('read a document that one of them has compressed', async () => {
    const { request, json } = await serve('clustered-compressed-documents-server.mjs');
    const text = 'many hands\n'.repeat(5000);
    await request('/documents/a', { method: 'PUT', body: text });
    const read = async () => {
      const response = await request('/documents/a');
      return { text: await response.text(), by: response.headers.get('x-answered-by') };
    };
    for (const answer of await askAll(read, ({ by }) => by)) expect(answer.text).toBe(text);
    expect((await json('/documents/a/stored')).bytes).toBeLessThan(text.length / 20);
  });

  it('ask Redis once before the origin, find there what an earlier cluster left, and live without it', async () => {
    const redis = await startRedis();
    const serveIt = () => serve('clustered-multilayer-redis-server.mjs', { REDIS_URL: redis.socket });
    const first = await serveIt();
    const cold = await bodies(await first.burst(30, '/articles/7'));
    expect(different(cold.map(({ loadedBy, from }) => `${loadedBy} ${from}`))).toBe(1);
    expect(cold[0].from).toBe('origin');
    expect(await first.stop()).toEqual({ code: 0, stderr: '' });

    const second = await serveIt();
    const warm = await bodies(await second.burst(30, '/articles/7'));
    expect(different(warm.map(({ loadedBy, from }) => `${loadedBy} ${from}`))).toBe(1);
    expect(warm[0]).toMatchObject({ from: 'redis', loadedBy: cold[0].loadedBy });

    redis.server.child.kill('SIGKILL');
    await redis.server.ended;
    expect(await second.json('/articles/8')).toMatchObject({ id: '8', from: 'origin' });
    expect(await second.json('/articles/7')).toMatchObject({ from: 'redis' });
  });
});
