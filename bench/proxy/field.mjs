// Two workers of ultimate-express, a proxy before them, and wrk before that.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ultimateWorker } from '../../scripts/ultimate-express.mjs';

const CONNECTIONS = 64;

/**
 * @typedef {object} Running
 * @property {number} port
 * @property {() => Promise<void>} close
 */

/**
 * Starts a program that prints its port.
 *
 * @param {string[]} args of Node
 * @returns {Promise<Running>}
 */
async function startNode(args) {
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
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
    async close() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** A port that nobody has just now. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}

/** @param {number[]} workers their ports */
export function startFlotilla(workers) {
  return startNode([fileURLToPath(new URL('front.cjs', import.meta.url)), ...workers.map(String)]);
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
  const child = spawn('haproxy', ['-q', '-db', '-f', file], { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = once(child, 'exit');
  return {
    port,
    async close() {
      child.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * @param {number} port
 * @param {{ seconds: number, short: boolean }} options `short`: a connection for each request
 * @returns {Promise<number>} requests a second
 */
async function load(port, { seconds, short }) {
  const header = short ? ['-H', 'Connection: close'] : [];
  const args = ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, ...header, `http://127.0.0.1:${port}/hello/wrk`];
  const { stdout } = await promisify(execFile)('wrk', args);
  const match = /Requests\/sec:\s+([\d.]+)/.exec(stdout);
  if (!match || /Non-2xx/.test(stdout)) throw new Error(`wrk was not answered: ${stdout}`);
  return Number(match[1]);
}

/**
 * A contestant's field: two workers and a front of its own.
 *
 * @param {(workers: number[]) => Promise<Running>} startFront
 * @param {boolean} short
 */
export function field(startFront, short) {
  return async (/** @type {import('../harness/suite.mjs').Context} */ { milliseconds }) => {
    const workers = await Promise.all([0, 1].map((id) => startNode([...ultimateWorker, `worker-${id}`])));
    const closeWorkers = () => Promise.all(workers.map((worker) => worker.close()));
    const front = await startFront(workers.map(({ port }) => port)).catch(async (error) => {
      await closeWorkers();
      throw error;
    });
    const seconds = Math.max(1, Math.round(milliseconds / 1000));
    return {
      round: () => load(front.port, { seconds, short }),
      close: async () => {
        await front.close();
        await closeWorkers();
      },
    };
  };
}
