import { once } from 'node:events';
import { createServer } from 'node:http';
import { availableParallelism } from 'node:os';
import { describe, expect, it, onTestFinished } from 'vitest';
import { root } from '../fixtures/folders.mjs';
import { node, start } from '../fixtures/processes.mjs';

const demo = ['examples/demo.mjs'];

function startDemo() {
  return start(process.execPath, demo, { cwd: root, env: { ...process.env, PORT: '0' } });
}

describe('the demo', () => {
  it('prints an address where every core answers, and what to try', async () => {
    const { prints } = startDemo();
    const [, workers, url] = await prints(/(\d+) workers? on (http:\S+)\n[\s\S]*Ctrl-C/);
    expect(Number(workers)).toBe(availableParallelism());
    const pids = new Set();
    for (let request = 0; request < 4 * availableParallelism(); request++) {
      // A connection for each request: the cluster hands them out in turn.
      const response = await fetch(url, { headers: { connection: 'close' } });
      pids.add(/worker (\d+)/.exec(await response.text())?.[1]);
    }
    expect(pids.size).toBe(availableParallelism());
    const versions = await (await fetch(`${url}/versions`)).json();
    expect(versions).toMatchObject({ flotilla: expect.any(String), addon: expect.any(String) });
  });

  it('keeps the state of requests apart that it answers at the same time', async () => {
    const { prints } = startDemo();
    const [, url] = await prints(/on (http:\S+)\n[\s\S]*Ctrl-C/);
    const names = Array.from({ length: 20 }, (_, number) => `visitor-${number}`);
    const answers = await Promise.all(
      names.map(async (name) => (await fetch(`${url}/hello/${name}`)).text()),
    );
    expect(answers).toEqual(names.map((name) => `Hello ${name}, whoever else came meanwhile.\n`));
  });

  it.each(['SIGINT', 'SIGTERM'])('ends well on %s', async (signal) => {
    const { child, ended, prints } = startDemo();
    await prints(/Ctrl-C/);
    // As a terminal does it: to every process of the group.
    process.kill(-child.pid, signal);
    expect(await ended).toMatchObject({ code: 0, stderr: '' });
  });

  it('says that the port is taken, and which way out there is', async () => {
    const other = createServer().listen(0);
    onTestFinished(() => other.close());
    await once(other, 'listening');
    const { port } = /** @type {import('node:net').AddressInfo} */ (other.address());
    const { code, stderr } = await node(demo, { cwd: root, env: { ...process.env, PORT: String(port) } });
    expect(code).toBe(1);
    expect(stderr).toBe(
      `The demo could not start: port ${port} is in use. Try another one: PORT=3100 npm start\n`,
    );
  });
});
