// How starts of `startServer` go wrong, and what it is given: every kind of application.

import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { promisify } from 'node:util';
import { testServer } from 'flotilla';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { ask, balanced, bothWorkers, fronts, serving } from '../fixtures/balanced-server.mjs';
import { childrenOf, portsOf } from '../fixtures/resources.mjs';

const run = promisify(execFile);

const listens = async (server, port) => {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
};

/** A port that is taken, before one that is free: outside of what the system gives to anybody. */
async function takenBeforeFree() {
  for (let port = 20_000 + (process.pid % 5000); ; port += 2) {
    const [taken, free] = [net.createServer(), net.createServer()];
    try {
      await listens(taken, port);
      onTestFinished(() => taken.close());
      await listens(free, port + 1);
    } catch {
      continue;
    }
    free.close();
    await once(free, 'close');
    return port;
  }
}

const nobody = 65_534;
/** Whether this is a user who may become another, and the system keeps low ports from that one. */
const hasPrivileges = () =>
  process.getuid?.() === 0 &&
  process.platform === 'linux' &&
  Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8')) > 80;

const container = ['unshare', '--user', '--map-root-user', '--pid', '--fork', '--kill-child', '--mount-proc'];
const hasNamespaces =
  process.platform === 'linux' && spawnSync(container[0], [...container.slice(1), 'true']).status === 0;

/** Workers that never get ready are waited for half a minute: `npm run test:load` does. */
const isLong = Number(process.env.FLOTILLA_TEST_RESTARTS) >= 100;

describe('a start', () => {
  it('rejects where the port is taken, and leaves nothing', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    onTestFinished(() => server.close());
    await once(server, 'listening');
    const { ended } = balanced({ port: server.address().port });
    const { code, stdout } = await ended;
    expect(stdout).toMatch(/primary: rejected FLOTILLA_ERR_ADDRESS_IN_USE/);
    expect([code, stdout.match(/worker/)]).toEqual([1, null]);
  });

  it.each([
    ['load', 'WORKER_FAILED'],
    ['exit', 'WORKER_FAILED'],
    ['app', 'APP_FAILED'],
  ])('rejects where every worker fails, and says why (%s)', async (fault, code) => {
    const { ended } = balanced({ faults: { [fault]: true } });
    const { code: exitCode, stdout } = await ended;
    expect(stdout).toMatch(new RegExp(`primary: rejected FLOTILLA_ERR_${code}`));
    expect(exitCode).toBe(1);
  });

  it.runIf(hasPrivileges())('rejects where the port is not for this user', async () => {
    const { code, stdout } = await balanced({ port: 80 }, {}, { uid: nobody, gid: nobody }).ended;
    expect(stdout).toMatch(/primary: rejected FLOTILLA_ERR_LISTEN_FAILED: .*port 80 .*EACCES/);
    expect([code, stdout.match(/worker/)]).toEqual([1, null]);
  });

  it.runIf(isLong)(
    'rejects where no worker gets ready',
    async () => {
      const { code, stdout } = await balanced({ faults: { hang: true } }).ended;
      expect(stdout).toMatch(/primary: rejected FLOTILLA_ERR_WORKER_FAILED: .*not ready/);
      expect(code).toBe(1);
    },
    60_000,
  );

  it('ends at a signal that comes before any worker is ready', async () => {
    const { child, ended } = balanced({ faults: { hang: true } });
    await vi.waitFor(() => expect(childrenOf(child.pid)).toHaveLength(2), 10_000);
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 0 });
  });

  it.runIf(hasNamespaces)('may be that of process 1 of a container, which stops as others do', async () => {
    const { child, url, prints, ended } = await serving({}, {}, { within: container });
    expect(await prints(/primary: result .*"pid":1,/)).toBeTruthy();
    const slow = ask(`${url}/slow`);
    await prints(/: slow/);
    const { stdout } = spawnSync('pgrep', ['-P', String(child.pid)], { encoding: 'utf8' });
    process.kill(Number(stdout), 'SIGTERM');
    expect(await slow).toMatchObject({ status: 200 });
    expect(await ended).toMatchObject({ code: 0 });
  });

  it('refuses what it cannot serve, and options that are wrong, before it forks', async () => {
    const script = `
      const { startServer } = require('flotilla');
      Promise.allSettled([startServer(), startServer({}), startServer((_, response) => response.end(), { port: -1 })])
        .then((all) => console.log(all.map(({ reason }) => reason.code).join()))`;
    const { stdout } = await run(process.execPath, ['-e', script]);
    expect(stdout.trim()).toBe(
      'FLOTILLA_ERR_INVALID_ARGUMENT,FLOTILLA_ERR_INVALID_ARGUMENT,FLOTILLA_ERR_OUT_OF_RANGE',
    );
  });

  it('is one server, however often it is asked for', async () => {
    const { order } = await serving({ app: 'function' });
    // Each call of the fixture makes an application of its own.
    expect(await order('SIGWINCH', 'start')).toMatch('failed start FLOTILLA_ERR_SERVER_STARTED');
  });

  it('refuses another application, or other options, beside those that it serves or begins to', async () => {
    const script = `
      const { startServer, stopServer } = require('flotilla');
      require('node:cluster').setupPrimary({ exec: process.env.PROGRAM, args: ['{}'], execArgv: [] });
      const app = (_, response) => response.end();
      const options = { port: 0, host: '127.0.0.1', baseWorkerPort: 0, workers: 1 };
      Promise.allSettled([
        startServer(app, options),
        startServer(app, { ...options }),
        startServer(app),
        startServer(app, { ...options, port: 1 }),
        startServer((_, response) => response.end(), options),
      ]).then(async (all) => {
        for (const { value, reason } of all) console.log(value?.mode ?? reason.message);
        await stopServer();
      })`;
    const PROGRAM = new URL('../fixtures/balanced.mjs', import.meta.url).pathname;
    const { stdout } = await run(process.execPath, ['-e', script], { env: { ...process.env, PROGRAM } });
    const lines = stdout.split('\n').filter((line) => /^(primary$|Server)/.test(line));
    const refused =
      'Server already started: startServer serves one application, with one set of options; createServers serves several';
    expect(lines).toEqual(['primary', 'primary', 'primary', refused, refused]);
  });

  it('uses the ports that are asked for, and others where those are taken', async () => {
    const port = await takenBeforeFree();
    const { prints } = await serving({ baseWorkerPort: port, workers: 2 });
    const [, first] = await prints(/workerIndex":0,"workerPort":(\d+)/);
    const [, second] = await prints(/workerIndex":1,"workerPort":(\d+)/);
    expect(Number(first)).not.toBe(port);
    expect(Number(second)).toBe(port + 1);
  });

  it('leaves the settings of the program’s own cluster as they are', async () => {
    const script = `
      const cluster = require('node:cluster');
      const { startServer, stopServer } = require('flotilla');
      const mine = { exec: process.env.PROGRAM, args: ['{}'], execArgv: ['--no-deprecation'] };
      cluster.setupPrimary(mine);
      startServer((_, response) => response.end(), { port: 0, host: '127.0.0.1', baseWorkerPort: 0, workers: 1 }).then(async () => {
        const { exec, args, execArgv } = cluster.settings;
        console.log(JSON.stringify({ exec, args, execArgv }) === JSON.stringify(mine), cluster.schedulingPolicy);
        await stopServer();
      })`;
    const PROGRAM = new URL('../fixtures/balanced.mjs', import.meta.url).pathname;
    const { stdout } = await run(process.execPath, ['-e', script], { env: { ...process.env, PROGRAM } });
    expect(stdout).toMatch(/^true 2$/m);
  });
});

describe('an application', () => {
  it.each([
    'function',
    'express',
    'express4',
    'connect',
    'koa',
    'fastify',
    'hono',
    'web',
    'listens',
    'wrapped',
    'native',
  ])('may be of the kind: %s', async (app) => {
    const { url, child, ended } = await serving({ app });
    const isOwn = app.startsWith('express') ? true : undefined;
    expect({ isOwn, ...(await ask(url)) }).toMatchObject({ status: 200, kind: app, isOwn });
    child.kill('SIGTERM');
    const { code, stdout } = await ended;
    expect(code).toBe(0);
    if (app === 'fastify') expect(stdout).toMatch('fastify closes');
  });

  it.runIf(process.platform === 'linux')(
    'whose sockets are not Node’s listens in its worker, and not in the primary for it',
    async () => {
      const { child, port, url, prints, printsTimes } = await serving({ app: 'native' });
      await prints(/connections are forwarded: the application can only listen/);
      await printsTimes('worker \\d+: result', 2);
      const [, ...ports] = await prints(/workerPort":(\d+)[\s\S]*workerPort":(\d+)/);
      expect(portsOf(child.pid)).toEqual([port]);
      const theirs = childrenOf(child.pid).flatMap((pid) => portsOf(pid));
      expect(theirs.sort()).toEqual(ports.map(Number).sort());
      await bothWorkers(url);
    },
  );

  it.each(['https', 'http2'])('may be a server with TLS: %s', async (app) => {
    const { port } = await serving({ app });
    const options = { port, host: '127.0.0.1', rejectUnauthorized: false, agent: false };
    const [response] = await once(https.get(options), 'response');
    let text = '';
    for await (const chunk of response.setEncoding('utf8')) text += chunk;
    expect(JSON.parse(text)).toMatchObject({ kind: app });
  });
});

describe.each(fronts)('a factory, by %s', (_name, mode, env) => {
  it('is called in workers alone, and what it opened is closed after the last answer', async () => {
    const { url, child, ended, prints, printsTimes } = await serving({ ...mode, app: 'factory' }, env);
    await printsTimes('worker \\d+: result', 2);
    const slow = ask(`${url}/slow`);
    await prints(/: slow/);
    child.kill('SIGTERM');
    expect(await slow).toMatchObject({ status: 200, kind: 'factory' });
    const { code, stdout } = await ended;
    expect(code).toBe(0);
    const said = (/** @type {string} */ what) =>
      stdout.match(new RegExp(`(?<=worker )\\d+(?=: ${what})`, 'g'));
    expect([stdout.includes('primary: made'), said('made')?.length]).toEqual([false, 2]);
    expect(said('closed')?.sort()).toEqual(said('made')?.sort());
    const [pid] = said('answered') ?? [];
    expect(stdout).toMatch(new RegExp(`worker ${pid}: answered[\\s\\S]*worker ${pid}: closed`));
  });
});

describe('what a factory opened', () => {
  it('makes the exit code 1 where it does not close, and the log says why', async () => {
    const { url, child, ended, printsTimes } = await serving({ app: 'leaks' });
    await printsTimes('worker \\d+: result', 2);
    expect(await ask(url)).toMatchObject({ kind: 'leaks' });
    child.kill('SIGTERM');
    const { code, stdout } = await ended;
    expect([code, stdout]).toEqual([
      1,
      expect.stringMatching(/primary: error FLOTILLA_ERR_WORKER_FAILED: .*the queue is stuck/),
    ]);
  });

  it('is closed where the application beside it can not be served', async () => {
    let closed = 0;
    const close = async () => {
      closed += 1;
    };
    const refused = testServer(() => ({ app: 5, close }));
    await expect(refused).rejects.toMatchObject({ code: 'FLOTILLA_ERR_APP_FAILED' });
    expect(closed).toBe(1);
    const server = await testServer(() => ({ app: (_request, response) => response.end('well'), close }));
    expect(await (await fetch(server.url)).text()).toBe('well');
    await server.stop();
    expect(closed).toBe(2);
  });
});
