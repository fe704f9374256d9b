// The polling of socket.io: every request of a session, each over a connection of its own, comes to the worker that began it.

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { peer, project, startIn } from '../fixtures/peers.mjs';

const program = `
  const { createServer } = require('node:http');
  const { Server } = require('socket.io');
  const { startServer, stickyLoadBalancer } = require('flotilla');
  const makeServer = () => {
    const server = createServer();
    const io = new Server(server, { transports: ['polling'], pingInterval: 200 });
    io.on('connection', (socket) => socket.on('who', (answer) => answer(process.pid)));
    return server;
  };
  const options = { host: '127.0.0.1', port: 0, workers: 3, loadBalancer: stickyLoadBalancer({ by: 'header:x-user' }) };
  startServer(makeServer, options).then(({ mode, port }) => console.log(mode === 'primary' ? 'port ' + port : 'serves'));
`;

it.skipIf(process.platform === 'win32')(
  'works with socket.io’s polling, each visitor with one worker',
  async () => {
    const folder = await project(['socket.io']);
    writeFileSync(path.join(folder, 'program.cjs'), program);
    const { prints } = startIn(folder, ['program.cjs']);
    const [, port] = await prints(/port (\d+)/);
    // A worker that comes later takes over visitors that are its own.
    await prints(/(?:serves[\s\S]*){3}/);
    const { io } = await peer('socket.io-client');
    const pids = await Promise.all(
      Array.from({ length: 8 }, async (_, index) => {
        const agent = new http.Agent({ keepAlive: false });
        const extraHeaders = { 'x-user': `user-${index}` };
        const options = { transports: ['polling'], forceNew: true, reconnection: false, agent, extraHeaders };
        const socket = io(`http://127.0.0.1:${port}`, options);
        onTestFinished(() => void socket.disconnect());
        await once(socket, 'connect');
        const told = new Set();
        for (let turn = 0; turn < 8; turn++) told.add(await socket.timeout(5000).emitWithAck('who'));
        expect(told.size).toBe(1);
        return [...told][0];
      }),
    );
    expect(new Set(pids).size).toBeGreaterThan(1);
  },
);
