// Programs of the suite `adapters`, each in a folder in which Flotilla stands beside the packages that it plugs into.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { plugInto } from '../../scripts/peers.mjs';
import { startRedis } from '../cache/redis.mjs';

const program = fileURLToPath(new URL('program.mjs', import.meta.url));
const packages = [
  ...['keyv', '@keyv/redis', 'rate-limiter-flexible'],
  ...['socket.io', 'socket.io-adapter', 'socket.io-client', '@socket.io/cluster-adapter'],
];

/** @param {import('node:child_process').ChildProcess} child @returns {Promise<any>} */
async function answer(child) {
  const end = new AbortController();
  const { signal } = end;
  try {
    const ended = once(child, 'exit', { signal }).then(([code]) => {
      throw new Error(`the program ended: ${code}`);
    });
    const [message] = await Promise.race([once(child, 'message', { signal }), ended]);
    return message;
  } finally {
    end.abort();
  }
}

/**
 * @param {string} contestant
 * @returns {import('../harness/types.d.ts').RoundContestant['prepare']}
 */
export function inProgram(contestant) {
  return async ({ root, milliseconds }) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'flotilla-bench-'));
    await plugInto(folder, packages, 'peers');
    const file = path.join(folder, 'program.mjs');
    cpSync(program, file);
    const redis = contestant.endsWith('-redis') ? await startRedis() : undefined;
    const addon = process.env.FLOTILLA_ADDON ?? path.join(root, 'lib/native/flotilla.node');
    const args = [contestant, String(milliseconds), ...(redis ? [redis.socket] : [])];
    const child = fork(file, args, { cwd: folder, env: { ...process.env, FLOTILLA_ADDON: addon } });
    await answer(child);
    return {
      async round() {
        child.send('round');
        return (await answer(child)).figure;
      },
      async close() {
        child.kill('SIGKILL');
        if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
        await redis?.close();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  };
}
