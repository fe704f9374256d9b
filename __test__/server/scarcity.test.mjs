// A primary that has no descriptor left: what it cannot take is not lost.

import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { emptyFolder } from '../fixtures/folders.mjs';

const program = fileURLToPath(new URL('../fixtures/frugal-primary.cjs', import.meta.url));

/** A primary with one worker, that may have no more than so many descriptors from now on. */
async function frugal(descriptors = 64) {
  const host = `${emptyFolder()}/frugal.sock`;
  const child = fork(program, [host]);
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child, 'message');
  const limit = `--nofile=${descriptors}:${descriptors}`;
  await promisify(execFile)('prlimit', ['--pid', String(child.pid), limit]);
  const tell = async (order) => {
    child.send(order);
    const [{ answer }] = await once(child, 'message');
    return answer;
  };
  return { host, tell };
}

/** A client that tells who answers, and fails where its connection ends. */
async function connect(path) {
  const socket = net.connect({ path }).setEncoding('utf8');
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return async () => {
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    const [text] = await Promise.race([
      once(socket, 'data'),
      once(socket, 'close').then(() => Promise.reject(new Error('the connection ended'))),
    ]);
    return /x-worker: (\S+)/.exec(text)[1];
  };
}

const all = (asks) => Promise.all(asks.map((ask) => ask()));

describe.skipIf(process.platform !== 'linux')('a primary that has no descriptor left', () => {
  it('loses no connection that a worker gives back, and waits idly until it can take them', async () => {
    const { host, tell } = await frugal();
    const clients = await Promise.all(Array.from({ length: 8 }, () => connect(host)));
    expect(new Set(await all(clients))).toEqual(new Set(['worker-0']));
    await tell('add');
    expect(await tell('exhaust')).toBe('EMFILE');
    expect(await tell('drain')).toBe('drained');
    const asked = all(clients);
    expect(await tell('rest')).toBeLessThan(150);
    expect(await tell('relieve')).toBe('relieved');
    expect(await asked).toEqual(Array(8).fill('worker-1'));
  });

  it('loses none that a dead worker had not taken, or had just given back', async () => {
    const { host, tell } = await frugal();
    const given = await Promise.all(Array.from({ length: 4 }, () => connect(host)));
    await all(given);
    await tell('stop');
    const fresh = await Promise.all(Array.from({ length: 4 }, () => connect(host)));
    await vi.waitFor(async () => expect(await tell('load')).toEqual([8]));
    expect(await tell('exhaust')).toBe('EMFILE');
    const asked = all(fresh);
    expect(await tell('kill')).toBe('killed');
    expect(await tell('rest')).toBeLessThan(150);
    expect(await tell('relieve')).toBe('relieved');
    await tell('add');
    expect(await asked).toEqual(Array(4).fill('worker-1'));
  });
});
