// Under a supervisor that speaks systemd's protocols: it hears what happens, and passes sockets on.

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { emptyFolder } from '../fixtures/folders.mjs';
import { request } from '../fixtures/lifecycle.mjs';
import { start } from '../fixtures/processes.mjs';

const fixture = (name) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
const program = fixture('lifecycle-program.mjs');
const clustered = fixture('lifecycle-cluster.mjs');
const isHere = process.platform === 'linux' && spawnSync('python3', ['--version']).status === 0;

/** A manager, and the program started under it. */
async function supervised(address, options = {}, file = program) {
  const manager = start('python3', [fixture('fake-manager.py'), address]);
  await manager.prints(/listening/);
  const env = { ...process.env, NOTIFY_SOCKET: address };
  const service = start(process.execPath, [file, JSON.stringify(options)], { env });
  return { manager, service };
}

describe.runIf(isHere)('a manager with a notify socket', () => {
  it.each([
    ['at a path', () => `${emptyFolder()}/notify`],
    ['of an abstract name', () => `@flotilla-test-${process.pid}-notify`],
  ])('%s hears READY, RELOADING and STOPPING in their time', async (_what, address) => {
    const { manager, service } = await supervised(address());
    await service.prints(/port \d+/);
    await manager.prints(/listening\nREADY=1\n$/);
    process.kill(service.child.pid, 'SIGUSR2');
    const [, time] = await manager.prints(/RELOADING=1 MONOTONIC_USEC=(\d+)\nREADY=1\n$/);
    const now = Number(process.hrtime.bigint() / 1000n);
    expect([Number(time) < now, Number(time) > now - 30e6]).toEqual([true, true]);
    process.kill(service.child.pid, 'SIGTERM');
    await manager.prints(/READY=1\nSTOPPING=1\n$/);
    expect((await service.ended).code).toBe(0);
  });

  it('hears of a clustered server from its primary alone', async () => {
    const { manager, service } = await supervised(`${emptyFolder()}/notify`, {}, clustered);
    await service.prints(/primary: port \d+/);
    process.kill(service.child.pid, 'SIGUSR2');
    await manager.prints(/READY=1\nRELOADING=1 MONOTONIC_USEC=\d+\nREADY=1\n$/);
    process.kill(service.child.pid, 'SIGTERM');
    expect((await service.ended).code).toBe(0);
    await manager.prints(/listening\nREADY=1\nRELOADING=1 \S+\nREADY=1\nSTOPPING=1\n$/);
  });

  it('hears READY again after a reload that failed', async () => {
    const { manager, service } = await supervised(`${emptyFolder()}/notify`, { faults: { open: 2 } });
    await service.prints(/port \d+/);
    process.kill(service.child.pid, 'SIGUSR2');
    await manager.prints(/RELOADING=1 MONOTONIC_USEC=\d+\nREADY=1\n$/);
  });

  it('hears nothing before the checks are well, and nothing at all where it was told so', async () => {
    const { service } = await supervised(`${emptyFolder()}/notify`, { faults: { open: 1 } });
    expect((await service.ended).code).toBe(1);
    const { manager, service: silent } = await supervised(`${emptyFolder()}/other`, { systemd: false });
    await silent.prints(/port \d+/);
    process.kill(silent.child.pid, 'SIGTERM');
    await silent.ended;
    manager.child.kill();
    expect((await manager.ended).stdout).toBe('listening\n');
  });

  it('need not be there', async () => {
    const env = { ...process.env, NOTIFY_SOCKET: '/nobody/listens/here' };
    const service = start(process.execPath, [program], { env });
    await service.prints(/port \d+/);
    process.kill(service.child.pid, 'SIGTERM');
    expect(await service.ended).toMatchObject({ code: 0, stderr: '' });
  });
});

describe.runIf(process.platform === 'linux')('a manager that passes sockets on', () => {
  /** Sockets that listen, as a manager holds them: whoever connects before the service is there, waits. */
  async function listening(count) {
    const servers = Array.from({ length: count }, () => net.createServer().listen(0, '127.0.0.1'));
    await Promise.all(servers.map((server) => once(server, 'listening')));
    onTestFinished(() => {
      for (const server of servers) server.close();
    });
    return servers.map((server) => {
      // Once the service has it, this process must not accept in its place.
      const letGo = () => new Promise((resolve) => server.close(resolve));
      return { fd: server._handle.fd, port: server.address().port, letGo };
    });
  }

  /** What `sh` does between the fork and the exec, a manager does too: only then the process id is known. */
  const activated = (sockets, names, args) =>
    start('sh', ['-c', 'LISTEN_PID=$$ exec "$@"', 'sh', process.execPath, ...args], {
      env: { ...process.env, LISTEN_FDS: String(sockets.length), LISTEN_FDNAMES: names },
      // `start` takes the first three; the sockets come behind them, where a manager puts them.
      passed: sockets.map(({ fd }) => fd),
    });

  it('has its socket used, whatever address is configured, also over restarts', async () => {
    const [socket] = await listening(1);
    const service = activated([socket], 'http', [program]);
    const [, port] = await service.prints(/port (\d+)/);
    expect(Number(port)).toBe(socket.port);
    await socket.letGo();
    process.kill(service.child.pid, 'SIGUSR2');
    await service.prints(/restarted/);
    const answer = await request(`http://127.0.0.1:${port}/`, { agent: false });
    expect(answer.text).toContain('generation 2');
    process.kill(service.child.pid, 'SIGTERM');
    expect((await service.ended).code).toBe(0);
  });

  it('has its socket used by a clustered server', async () => {
    const [socket] = await listening(1);
    const service = activated([socket], '', [clustered]);
    const [, port] = await service.prints(/primary: port (\d+)/);
    expect(Number(port)).toBe(socket.port);
    await socket.letGo();
    expect((await request(`http://127.0.0.1:${port}/`, { agent: false })).text).toContain('"generation":1');
  });

  it('has its sockets used by their names', async () => {
    const sockets = await listening(2);
    const source = `
      import { createContext, createServers } from 'flotilla';
      const app = (name) => () => (_request, response) => response.end(name);
      const servers = createServers(createContext({ port: 0 }), {
        api: { app: app('api') }, admin: { app: app('admin') },
      });
      await servers.start();
      console.log('ports', servers.api.getPort(), servers.admin.getPort());`;
    const service = activated(sockets, 'admin:api', ['--input-type=module', '-e', source]);
    const [, api, admin] = await service.prints(/ports (\d+) (\d+)/);
    expect([Number(admin), Number(api)]).toEqual(sockets.map(({ port }) => port));
    await Promise.all(sockets.map(({ letGo }) => letGo()));
    expect((await request(`http://127.0.0.1:${api}/`, { agent: false })).text).toBe('api');
  });

  it('is not meant where another process is', async () => {
    const [socket] = await listening(1);
    const env = { ...process.env, LISTEN_FDS: '1', LISTEN_PID: '1' };
    const service = start(process.execPath, [program], { env });
    const [, port] = await service.prints(/port (\d+)/);
    expect(Number(port)).not.toBe(socket.port);
  });
});
