// What clients and applications have of a connection that is handed over, and which applications it is for.

import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { ask, balanced, bothWorkers, keepAlive, serving } from '../fixtures/balanced-server.mjs';
import { descriptorsOf, megabytesOf, waitingToBeClosed } from '../fixtures/resources.mjs';

const restarts = Number(process.env.FLOTILLA_TEST_RESTARTS ?? 3);

/** Asks over one connection, and tells its port on the client's side. */
async function over(port) {
  const client = net.connect(port, '127.0.0.1').setEncoding('utf8');
  await once(client, 'connect');
  const { localPort } = client;
  client.write('GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n');
  let text = '';
  for await (const chunk of client) text += chunk;
  return { localPort, ...JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1)) };
}

describe.skipIf(process.platform !== 'linux')('a connection that is handed over', () => {
  it('has its client’s own address, which one that is forwarded has not', async () => {
    const { port } = await serving();
    const handed = await over(port);
    expect(handed.remotePort).toBe(handed.localPort);
    const forwarded = await over((await serving({ mode: 'proxy' })).port);
    expect(forwarded.remotePort).not.toBe(forwarded.localPort);
  });

  it('stays open in restarts: its next request is answered by a new worker', async () => {
    const { url, order } = await serving();
    const agents = Array.from({ length: 5 }, keepAlive);
    const all = () => Promise.all(agents.map((agent) => ask(url, { agent })));
    const before = await all();
    expect(await order('SIGHUP', 'restart')).toMatch('done restart');
    const after = await all();
    const ports = (answers) => answers.map(({ remotePort }) => remotePort);
    expect(ports(after)).toEqual(ports(before));
    for (const { pid } of after) expect(before.map((answer) => answer.pid)).not.toContain(pid);
  });

  it(
    `carries on through ${restarts} restarts under load: nothing fails, nobody connects again, nothing is left behind`,
    async () => {
      const { child, port, url, order } = await serving();
      const failures = [];
      const ports = Array.from({ length: 8 }, () => new Set());
      const counts = [];
      let going = true;
      const clients = ports.map(async (seen, index) => {
        const agent = keepAlive();
        const body = `${index}`.repeat(1000 * (index + 1));
        for (counts[index] = 0; going; counts[index]++) {
          try {
            const answer = await ask(url, { agent, method: 'POST', body });
            if (answer.status !== 200 || answer.length !== body.length) failures.push(answer);
            seen.add(answer.remotePort);
          } catch (error) {
            failures.push(error);
          }
        }
      });
      const held = () => ({ descriptors: descriptorsOf(child.pid), memory: megabytesOf(child.pid) });
      let before = held();
      for (let times = 0; times < restarts; times++) {
        // What the first restart needs, it needs but once.
        if (times === 1) before = held();
        expect(await order('SIGHUP', 'restart')).toMatch('done restart');
        const then = [...counts];
        await vi.waitFor(
          () => expect(counts.every((count, index) => count > then[index])).toBe(true),
          10_000,
        );
      }
      going = false;
      await Promise.all(clients);
      expect(failures).toEqual([]);
      expect(ports.map(({ size }) => size)).toEqual(ports.map(() => 1));
      await vi.waitFor(() => expect(held().descriptors).toBeLessThanOrEqual(before.descriptors + 1), 10_000);
      // A heap breathes.
      expect(held().memory).toBeLessThan(before.memory + 60);
      expect(waitingToBeClosed(port)).toBe(0);
    },
    30_000 + restarts * 8000,
  );

  it('is not held up by a worker that is blocked', async () => {
    const { url, printsTimes } = await serving({ workers: 2 });
    await printsTimes('worker \\d+: result', 2);
    await bothWorkers(url);
    const blocked = ask(`${url}/block`).then(() => 'blocked');
    for (let times = 0; times < 4; times++) {
      const asked = ask(url).then(() => 'answered');
      expect(await Promise.race([asked, blocked])).toBe('answered');
    }
    expect(await blocked).toBe('blocked');
  });

  it('is lost alone when its worker is killed', async () => {
    const { url, printsTimes, prints } = await serving({ workers: 2 });
    await printsTimes('worker \\d+: result', 2);
    await bothWorkers(url);
    const agents = [keepAlive(), keepAlive()];
    const one = await ask(url, { agent: agents[0] });
    const other = await vi.waitFor(async () => {
      const answer = await ask(url, { agent: agents[1] });
      if (answer.pid === one.pid) agents[1].destroy();
      expect(answer.pid).not.toBe(one.pid);
      return answer;
    }, 10_000);
    process.kill(one.pid, 'SIGKILL');
    await prints(/error FLOTILLA_ERR_WORKER_FAILED/);
    expect(await ask(url, { agent: agents[1] })).toMatchObject({ remotePort: other.remotePort });
    for (let times = 0; times < 4; times++) expect(await ask(url)).toMatchObject({ status: 200 });
  });

  it('may be one of a protocol of the program’s own, which never moves', async () => {
    const { port, order } = await serving({ app: 'greets', mode: 'handoff' });
    const client = net.connect(port, '127.0.0.1').setEncoding('utf8');
    const [greeting] = await once(client, 'data');
    expect(JSON.parse(greeting).remotePort).toBe(client.localPort);
    const second = net.connect(port, '127.0.0.1').setEncoding('utf8');
    await once(second, 'data');
    second.write('bye');
    expect(await second.toArray()).toEqual(['bye']);
    const rest = client.toArray();
    expect(await order('SIGHUP', 'restart')).toMatch('done restart');
    // No other worker greets it again: it ends, as one that nobody has used for a while.
    expect(await rest).toEqual([]);
  });

  it('may be one of HTTP/2 without TLS', async () => {
    const { port } = await serving({ app: 'h2c', mode: 'handoff' });
    const session = http2.connect(`http://127.0.0.1:${port}`);
    onTestFinished(() => session.destroy());
    const [text] = await session.request({ ':path': '/' }).setEncoding('utf8').toArray();
    expect(JSON.parse(text)).toMatchObject({ kind: 'h2c', remotePort: session.socket.localPort });
  });

  it('is what an application gets that has a listen of its own, with its clients’ addresses and its last answers', async () => {
    const { url, child, ended, prints, printsTimes } = await serving({ app: 'wrapped', mode: 'handoff' });
    await printsTimes('worker \\d+: result', 2);
    const { remoteAddress, remotePort, at } = await ask(`${url}/`);
    expect([remoteAddress, remotePort > 0, at.port]).toEqual(['127.0.0.1', true, Number(new URL(url).port)]);
    const agent = keepAlive();
    const slow = ask(`${url}/slow`, { agent });
    await prints(/asked[\s\S]*asked/);
    child.kill('SIGTERM');
    expect(await slow).toMatchObject({ status: 200, kind: 'wrapped' });
    const { code, stdout } = await ended;
    expect(code).toBe(0);
    expect(stdout.match(/closed/g)).toHaveLength(2);
  });

  it('is refused for what opens its sockets itself, and where there is no thread for it', async () => {
    for (const [options, env] of [
      [{ app: 'native', mode: 'handoff' }, {}],
      [{ mode: 'handoff' }, { FLOTILLA_BALANCER: 'portable' }],
    ]) {
      const { stdout } = await balanced(options, env).ended;
      expect(stdout).toMatch(/primary: rejected FLOTILLA_ERR_INVALID_ARGUMENT: mode must be/);
    }
  });
});
