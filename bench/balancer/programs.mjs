// The programs of the contestants: servers and proxies, each a process that says its port.

import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { signalGroup, spawnGroup } from '../harness/groups.mjs';

/**
 * @typedef {object} Running
 * @property {number} port
 * @property {number[]} pids of the processes that were started; those have others, each in a group of its own
 * @property {() => Promise<void>} close
 */

/**
 * Starts a program of Node's that prints its port.
 *
 * @param {string[]} args
 * @param {string[]} [under] the command of another program that runs it
 * @param {NodeJS.ProcessEnv} [given]
 * @returns {Promise<Running>}
 */
export async function startNode(args, under = [], given = process.env) {
  const env = { ...given, NODE_ENV: 'production' };
  const [program = '', ...rest] = [...under, process.execPath, ...args];
  const child = spawnGroup(program, rest, env);
  const ended = once(child, 'exit');
  const port = await new Promise((resolve, reject) => {
    ended.then(() => reject(new Error(`${args[0]} ended at once`)));
    child.stdout.setEncoding('utf8').on('data', (text) => {
      const match = /port (\d+)/.exec(text);
      if (match) resolve(Number(match[1]));
    });
  });
  return {
    port,
    pids: [Number(child.pid)],
    async close() {
      signalGroup(Number(child.pid), 'SIGKILL');
      await ended;
    },
  };
}

/** @param {string} name of a program here */
const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/**
 * A server that does without anything before it.
 *
 * @param {string} way
 * @param {string} app
 * @param {object} [options] of `startServer`
 * @param {string[]} [under]
 */
export const startProgram = (way, app, options = {}, under = undefined) =>
  startNode([here('program.cjs'), way, app, JSON.stringify(options)], under);

/** @param {number[]} workers their ports */
export const startPipeProxy = (workers) => startNode([here('pipe-proxy.cjs'), ...workers.map(String)]);

/** A port that nobody has just now, outside of those that the system gives to whoever asks for any. */
export async function freePort() {
  for (;;) {
    const port = randomInt(10_000, 32_000);
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

/**
 * HAProxy, forwarding bytes by one thread.
 *
 * @param {number[]} workers their ports
 * @returns {Promise<Running>}
 */
export async function startHaproxy(workers) {
  const folder = mkdtempSync(path.join(tmpdir(), 'flotilla-haproxy-'));
  const port = await freePort();
  const file = path.join(folder, 'haproxy.cfg');
  const servers = workers.map((worker, index) => `  server s${index} 127.0.0.1:${worker}`);
  const lines = [
    'global',
    '  nbthread 1',
    '  maxconn 4000',
    'defaults',
    '  mode tcp',
    '  timeout connect 5s',
    '  timeout client 60s',
    '  timeout server 60s',
    'listen all',
    `  bind 127.0.0.1:${port}`,
    '  balance roundrobin',
    ...servers,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  const child = spawnGroup('haproxy', ['-q', '-db', '-f', file]);
  const ended = once(child, 'exit');
  const close = async () => {
    child.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  await listens(port).catch(async (error) => {
    await close();
    throw error;
  });
  return { port, pids: [Number(child.pid)], close };
}

/**
 * Waits until a program that does not say so listens.
 *
 * @param {number} port
 */
async function listens(port) {
  for (let times = 0; times < 200; times++) {
    const socket = connect(port, '127.0.0.1');
    const connected = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (connected) return;
    await pause(20);
  }
  throw new Error(`nothing listens on port ${port}`);
}

/**
 * A proxy before two workers.
 *
 * @param {() => Promise<Running>} startWorker
 * @param {(workers: number[]) => Promise<Running>} startFront
 * @returns {Promise<Running>}
 */
export async function startBehind(startWorker, startFront) {
  const workers = await Promise.all([startWorker(), startWorker()]);
  const closeWorkers = () => Promise.all(workers.map((worker) => worker.close()));
  const front = await startFront(workers.map(({ port }) => port)).catch(async (error) => {
    await closeWorkers();
    throw error;
  });
  return {
    port: front.port,
    pids: [front, ...workers].flatMap(({ pids }) => pids),
    async close() {
      await front.close();
      await closeWorkers();
    },
  };
}
