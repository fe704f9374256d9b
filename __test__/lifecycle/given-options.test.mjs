// The options that a server was made with, where something else than that server accepts its connections.

import { once } from 'node:events';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { start } from '../fixtures/processes.mjs';

const program = fileURLToPath(new URL('../fixtures/given-options.mjs', import.meta.url));

const onLinux = process.platform === 'linux';
const ways = [
  ['in one process', {}, {}],
  ...(onLinux
    ? [
        ['handed over', { workers: 1, mode: 'handoff' }, {}],
        ['handed over beside its own port', { listens: true, mode: 'handoff' }, {}],
        ['forwarded', { workers: 1, mode: 'proxy' }, {}],
      ]
    : []),
  ['forwarded by JavaScript', { workers: 1 }, { FLOTILLA_BALANCER: 'portable' }],
];

function run(options, env) {
  return start(process.execPath, [program, JSON.stringify({ baseWorkerPort: 0, ...options })], {
    env: { ...process.env, ...env },
  });
}

/** Aborted when a connection has ended. */
function gone(client) {
  const controller = new AbortController();
  for (const event of ['end', 'close']) client.once(event, () => controller.abort());
  return controller.signal;
}

/** What a connection is told first; nothing where it is closed. */
async function told(port, localAddress) {
  const client = net
    .connect({ port, host: '127.0.0.1', localAddress, allowHalfOpen: true })
    .on('error', () => {});
  onTestFinished(() => void client.destroy());
  // It may be cut, or see the end.
  const [bytes] = await once(client, 'data', { signal: gone(client) }).catch(() => []);
  return bytes && { client, ...JSON.parse(String(bytes)) };
}

describe('the options of a server', () => {
  it.each(ways)('count for connections that are %s', async (_, options, env) => {
    const { prints } = run(options, env);
    const port = Number((await prints(/serves (\d+)/))[1]);
    const first = await told(port);
    expect(first).toMatchObject({
      paused: true,
      readableHighWaterMark: 4321,
      writableHighWaterMark: 4321,
      allowHalfOpen: false,
      told: true,
      dropped: 0,
    });
    // An address that is blocked is not served, nor counted.
    expect(await told(port, '127.0.0.2')).toBeUndefined();
    const second = await told(port, '127.0.0.3');
    expect(second.dropped).toBe(0);
    // One too many is dropped, until another has gone.
    expect(await told(port)).toBeUndefined();
    const closed = once(second.client, 'close');
    second.client.end();
    await closed;
    await expect.poll(async () => (await told(port))?.dropped).toBeGreaterThan(0);
  });

  it.each(ways.slice(1))('tell the address that clients connect to: %s', async (_, options, env) => {
    const { prints } = run(options, env);
    const port = Number((await prints(/serves (\d+)/))[1]);
    const [, heard] = await prints(/listening (.*)/);
    expect(JSON.parse(heard)).toEqual({ address: '127.0.0.1', port, addressType: 4 });
    const [, seen] = await prints(/address (.*)/);
    expect(JSON.parse(seen)).toEqual({ address: '127.0.0.1', port, family: 'IPv4' });
  });

  it.runIf(onLinux)('are refused where a client’s address would not be looked at', async () => {
    const { prints } = run({ listens: true, mode: 'proxy' });
    expect((await prints(/refused (.*)/))[1]).toMatch(/^FLOTILLA_ERR_\w+ .*blockList.*'handoff'/);
  });
});
