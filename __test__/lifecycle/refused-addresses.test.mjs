// What is said where a server cannot listen, or cannot start its workers: what it is, and what to do.

import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { hasNamespaces } from '../fixtures/clustered.mjs';
import { lifecycleServer } from '../fixtures/lifecycle.mjs';
import { start } from '../fixtures/processes.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const answer = (_, response) => response.end('here');

function folder() {
  const made = mkdtempSync(path.join(tmpdir(), 'flotilla-refused-'));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

/** The path of a socket whose process was killed. */
async function staleSocket() {
  const socket = path.join(folder(), 'app.sock');
  const program = `require('net').createServer().listen(${JSON.stringify(socket)}, () => console.log('listens'))`;
  const { child, prints, ended } = start(process.execPath, ['-e', program]);
  await prints(/listens/);
  child.kill('SIGKILL');
  await ended;
  return socket;
}

function plainFile() {
  const file = path.join(folder(), 'file');
  writeFileSync(file, '');
  return file;
}

async function ownPort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  return server.address().port;
}

// With workers, and without.
const manners = process.platform === 'linux' ? [{}, { workers: 1, baseWorkerPort: 0 }] : [{}];

describe.runIf(process.platform !== 'win32').each(manners)('a server that cannot listen: %j', (options) => {
  const refusal = (where) => lifecycleServer(() => answer, { ...options, ...where }).server.start();

  it('says that a Unix socket was left behind, and leaves it where it is', async () => {
    const host = await staleSocket();
    const said = {
      code: 'FLOTILLA_ERR_ADDRESS_IN_USE',
      message: expect.stringMatching(/left behind.*Remove it$/),
    };
    await expect(refusal({ host })).rejects.toMatchObject(said);
    await expect(refusal({ host })).rejects.toMatchObject(said);
  });

  it('says that its path is that of something else', async () => {
    await expect(refusal({ host: plainFile() })).rejects.toMatchObject({
      code: 'FLOTILLA_ERR_ADDRESS_IN_USE',
      message: expect.stringMatching(/something else than a socket/),
    });
  });

  it('says that the program listens there itself', async () => {
    await expect(refusal({ port: await ownPort() })).rejects.toMatchObject({
      code: 'FLOTILLA_ERR_ADDRESS_IN_USE',
      message: expect.stringMatching(/this program listens there itself.*its own listen/),
    });
  });

  it('says that a host is not known', async () => {
    await expect(refusal({ host: 'flotilla.invalid' })).rejects.toMatchObject({
      code: 'FLOTILLA_ERR_LISTEN_FAILED',
      message: expect.stringMatching(/port 0 of flotilla.invalid: the name of the host/),
    });
  });
});

describe('a server with workers', () => {
  const program = (then) => `
    const { startServer } = require(${JSON.stringify(root)});
    startServer(() => (_, response) => response.end(), { port: 0, workers: 1 })
      .then(async ({ mode, port }) => {
        if (mode === 'primary') { ${then} }
        else await new Promise(() => {});
      })
      .catch(({ code, message }) => console.log(code, message))
      .finally(() => process.exit());`;
  const file = (then = '') => {
    const made = path.join(folder(), 'program.cjs');
    writeFileSync(made, program(then));
    return made;
  };

  it('is refused in a thread of a program', async () => {
    const { prints } = start(process.execPath, [
      '-e',
      `new (require('worker_threads').Worker)(${JSON.stringify(file())})`,
    ]);
    await prints(/FLOTILLA_ERR_MAIN_THREAD_ONLY A server with workers is for the main thread/);
  });

  it.runIf(hasNamespaces)('serves where there is no /proc', async () => {
    const hide = 'mount -t tmpfs none /proc && exec "$@"';
    const served = file(
      `await fetch('http://127.0.0.1:' + port).then(({ status }) => console.log('status', status))`,
    );
    const within = ['--user', '--map-root-user', '--mount', 'sh', '-c', hide, 'sh', process.execPath, served];
    await start('unshare', within).prints(/status 200/);
  });

  const flags = ['--permission', '--experimental-permission'];
  const flag = flags.find((name) => process.allowedNodeEnvironmentFlags.has(name));
  it.runIf(flag)('says what Node.js has to allow', async () => {
    const under = (...args) =>
      start(process.execPath, [flag, '--allow-fs-read=*', '--allow-fs-write=*', ...args, file()]);
    expect((await under().ended).stderr).toMatch(/Node.js runs with --permission.*--allow-addons/);
    if (!process.allowedNodeEnvironmentFlags.has('--allow-addons')) return;
    await under('--allow-addons').prints(/FLOTILLA_ERR_NOT_PERMITTED .*--allow-child-process/);
  });
});
