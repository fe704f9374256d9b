// A Redis server of the benchmark's own, on a socket in a folder of its own, or by TCP.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort } from '../balancer/programs.mjs';

/** @param {string[]} args */
async function launch(args) {
  const server = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve, reject) => {
    server.once('exit', reject);
    server.stdout
      .setEncoding('utf8')
      .on('data', (text) => /ready to accept/i.test(text) && resolve(undefined));
  });
  return server;
}

/** @param {import('node:child_process').ChildProcess} server @param {NodeJS.Signals} signal */
async function end(server, signal) {
  const ended = server.exitCode === null && server.signalCode === null ? once(server, 'exit') : undefined;
  server.kill(signal);
  await ended;
}

/** @param {{ byTcp?: boolean }} [how] */
export async function startRedis({ byTcp = false } = {}) {
  const port = byTcp ? await freePort() : 0;
  const folder = mkdtempSync(path.join(tmpdir(), 'flotilla-redis-'));
  const socket = path.join(folder, 'redis.sock');
  const place = ['--port', String(port), '--unixsocket', socket, '--dir', folder];
  const args = [...place, '--save', '', '--appendonly', 'no'];
  let server = await launch(args);
  const { Redis } = await import('ioredis');
  const client = byTcp ? new Redis(port) : new Redis(socket);
  client.on('error', () => {});
  return {
    client,
    pid: server.pid,
    port,
    socket,
    /** @param {NodeJS.Signals} signal */
    signal: (signal) => server.kill(signal),
    kill: () => end(server, 'SIGKILL'),
    /** Once more, where it was killed. */
    async start() {
      server = await launch(args);
    },
    async close() {
      client.disconnect();
      server.kill('SIGCONT');
      await end(server, 'SIGTERM');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
