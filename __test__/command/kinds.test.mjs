// Apps that do more than listen once, by the command: on two ports, with processes of their own, and with workers that wear out.
import { describe, expect, it } from 'vitest';
import { appFolder, bareEnvironment, command, started, visitors } from '../fixtures/commanded.mjs';
import { freePort } from '../fixtures/ports.mjs';
import { node } from '../fixtures/processes.mjs';

describe.skipIf(process.platform === 'win32')('an app', () => {
  it('on two ports, that forks itself and has a half for its own primary, has its worn workers replaced with nothing lost', async () => {
    const app = await started(
      {
        'app.js': `
          const cluster = require('node:cluster');
          const { fork } = require('node:child_process');
          const http = require('node:http');
          if (process.argv[2] === 'child') {
            process.send({ isWorker: cluster.isWorker, seat: process.env.FLOTILLA_SEAT ?? null, parent: process.ppid });
          } else if (cluster.isPrimary) {
            for (let count = 0; count < 4; count++) cluster.fork();
          } else {
            const child = new Promise((resolve) => fork(__filename, ['child']).once('message', resolve));
            const answer = async (request, response) =>
              response.end(JSON.stringify({ pid: process.pid, child: await child }));
            http.createServer(answer).listen(process.env.PORT);
            http.createServer(answer).listen(0, '127.0.0.1');
          }`,
      },
      { args: ['-w', '2', '--max-requests', '50'] },
    );
    const { pid, child } = await app.visit();
    expect(child).toEqual({ isWorker: false, seat: null, parent: pid });

    const load = visitors(app.port, 4);
    await app.running.says(/worker \d was replaced by a fresh one: /);
    const { answered, failed } = await load.end();
    expect(failed).toEqual([]);
    expect(answered).toBeGreaterThan(50);

    const status = JSON.parse((await app.call('status', '--json')).stdout);
    expect(status.addresses).toHaveLength(2);
    expect(status.wanted).toBe(2);
    expect(Math.max(...status.workers.map(({ restarts }) => restarts))).toBeGreaterThan(0);
    const [other] = status.addresses.filter(({ port }) => port !== app.port);
    expect((await fetch(`http://127.0.0.1:${other.port}/`)).status).toBe(200);
  }, 30_000);

  it('that listens on one port twice is refused with a sentence that says so', async () => {
    const folder = appFolder({
      'app.js': `
        const { createServer } = require('node:http');
        createServer().listen(process.env.PORT, () => createServer().listen(process.env.PORT));`,
    });
    const env = bareEnvironment({ PORT: String(await freePort()) });
    const { code, stderr } = await node([command, 'start', 'app.js', '-w', '1', '--wait-ready'], {
      cwd: folder,
      env,
    });
    expect(code).toBe(1);
    expect(stderr).toContain('FLOTILLA_ERR_LISTENS_TWICE');
  }, 20_000);
});
