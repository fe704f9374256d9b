// A Redis server of the benchmark's own, on a socket in a folder of its own, or by TCP.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort } from '../balancer/programs.mjs';

/** @param {{ byTcp?: boolean }} [how] */
export async function startRedis({ byTcp = false } = {}) {
  const port = byTcp ? await freePort() : 0;
  const folder = mkdtempSync(path.join(tmpdir(), 'flotilla-redis-'));
  const socket = path.join(folder, 'redis.sock');
  const args = [
    '--port',
    String(port),
    '--unixsocket',
    socket,
    '--save',
    '',
    '--appendonly',
    'no',
    '--dir',
    folder,
  ];
  const server = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve, reject) => {
    server.once('exit', reject);
    server.stdout
      .setEncoding('utf8')
      .on('data', (text) => /ready to accept/i.test(text) && resolve(undefined));
  });
  const { Redis } = await import('ioredis');
  const client = byTcp ? new Redis(port) : new Redis(socket);
  return {
    client,
    socket,
    async close() {
      client.disconnect();
      server.kill();
      if (server.exitCode === null) await once(server, 'exit');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
