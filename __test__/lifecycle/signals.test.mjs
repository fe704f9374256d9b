// Real signals to real processes: what is answered, how long it takes, and how the process ends.

import { spawnSync } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { request } from '../fixtures/lifecycle.mjs';
import { start } from '../fixtures/processes.mjs';

const program = fileURLToPath(new URL('../fixtures/lifecycle-program.mjs', import.meta.url));

/** Within this time of the first, a second signal says the same. */
const sameWishMs = 100;

/** The program, started and serving. */
async function serving(options = {}, [command, ...before] = [process.execPath]) {
  const running = start(command, [...before, program, JSON.stringify(options)]);
  const [, port] = await running.prints(/port (\d+)/);
  const url = (path = '/') => `http://127.0.0.1:${port}${path}`;
  return { ...running, url, signal: (name) => process.kill(running.child.pid, name) };
}

describe.runIf(process.platform !== 'win32')('a process with a server', () => {
  it.each(['SIGTERM', 'SIGINT'])('answers what is under way, stops and exits with 0 on %s', async (name) => {
    // It has a timer of its own, which would keep it alive for ever.
    const { url, signal, prints, ended } = await serving({ timer: true });
    const slow = request(url('/slow'));
    await prints(/slow/);
    signal(name);
    expect((await slow).text).toContain('generation 1');
    const { code, stdout, stderr } = await ended;
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/slow\ndraining\nclosing\nflotilla: stopped; all .* answered\nstopped\n$/);
  });

  it('finishes a start that is under way, stops and exits with 0', async () => {
    const { child, ended, prints } = start(process.execPath, [
      program,
      JSON.stringify({ faults: { openSlowly: true } }),
    ]);
    await prints(/opening/);
    child.kill('SIGTERM');
    const { code, stdout } = await ended;
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/opening\nready\n[\s\S]*closing\n.*\nstopped\n$/),
    ]);
  });

  it('says what has become of it, and ends by itself after a stop, with nothing left that keeps it alive', async () => {
    const source = `
      import { createContext, createServer } from 'flotilla';
      const server = createServer(createContext({ port: 0, app: () => (_, response) => response.end() }));
      await server.start();
      await (await fetch('http://127.0.0.1:' + server.getPort())).text();
      await server.restart();
      await server.stop();
      console.log(process.listenerCount('SIGTERM'));`;
    const { ended } = start(process.execPath, ['--input-type=module', '-e', source]);
    const { code, stdout, stderr } = await ended;
    expect([code, stderr]).toEqual([0, '']);
    const said = ['generation 2 serves', 'stopped; all .* answered'];
    expect(stdout).toMatch(new RegExp(`^${said.map((each) => `flotilla: ${each}\n`).join('')}0\n$`));
  });

  it('restarts on SIGUSR2, but not any more when it stops', async () => {
    const { url, signal, prints, ended } = await serving();
    signal('SIGUSR2');
    await prints(/restarted/);
    expect((await request(url())).text).toContain('generation 2');
    const slow = request(url('/slow'));
    await prints(/slow/);
    signal('SIGTERM');
    await prints(/draining/);
    signal('SIGUSR2');
    await slow;
    const { code, stdout } = await ended;
    expect([code, stdout.match(/restarted/g)]).toEqual([0, ['restarted']]);
  });

  it('serves on where a restart by SIGUSR2 fails, and says why', async () => {
    const { url, signal, ended, child } = await serving({ faults: { open: 2 } });
    let said = '';
    const failed = new Promise((resolve) => {
      child.stderr.on('data', (text) => {
        said += text;
        if (said.includes('no such host')) resolve();
      });
    });
    signal('SIGUSR2');
    await failed;
    expect((await request(url())).text).toContain('generation 1');
    signal('SIGTERM');
    expect((await ended).code).toBe(0);
  });

  it.each([
    ['a resource never closes', { faults: { close: 'never' } }, '/', 'the resource "db" has not closed'],
    ['a request is never answered', {}, '/never', 'no answer yet to GET /never'],
  ])(
    'exits with 1 after the deadline where %s, and names the culprit',
    async (_what, options, path, culprit) => {
      const { url, signal, prints, ended } = await serving({ ...options, gracefulShutdownTimeoutMs: 300 });
      const asked = request(url(path)).catch(() => {});
      await (path === '/never' ? prints(/never answered/) : asked);
      const begun = performance.now();
      signal('SIGTERM');
      const { code, stderr } = await ended;
      expect([code, performance.now() - begun < 10_000]).toEqual([1, true]);
      expect(stderr).toContain(`Gave up after 300 ms: ${culprit}`);
    },
  );

  it.each([
    ['SIGTERM', 'SIGTERM'],
    ['SIGINT', 'SIGTERM'],
    ['SIGTERM', 'SIGINT'],
  ])('exits with 1 at once on %s and then %s', async (first, second) => {
    const { url, signal, prints, ended } = await serving({ gracefulShutdownTimeoutMs: 60_000 });
    request(url('/never')).catch(() => {});
    await prints(/never answered/);
    signal(first);
    await prints(/draining/);
    await pause(sameWishMs + 50);
    signal(second);
    expect(await ended).toMatchObject({ code: 1, signal: null });
  });

  it.each([
    // A terminal and npm both pass it on.
    ['SIGINT', 'SIGINT'],
    // A supervisor sends it to the process, and to its group.
    ['SIGTERM', 'SIGTERM'],
    ['SIGINT', 'SIGTERM'],
  ])('takes %s and then %s for one wish, if they come in a moment', async (first, second) => {
    const { url, signal, prints, ended } = await serving();
    const slow = request(url('/slow'));
    await prints(/slow/);
    signal(first);
    setTimeout(signal, 5, second);
    expect((await slow).text).toContain('generation 1');
    expect((await ended).code).toBe(0);
  });

  it.each([false, true])(
    'takes a signal that the program raises again for the one that it heard',
    async (impatient) => {
      const { url, signal, prints, ended } = await serving({ raisesAfterMs: sameWishMs + 50 });
      const asked = request(url(impatient ? '/never' : '/slow'));
      asked.catch(() => {});
      await prints(impatient ? /never answered/ : /slow/);
      signal('SIGTERM');
      await prints(/raised SIGTERM/);
      // Whoever has lost patience is heard all the same.
      if (impatient) signal('SIGTERM');
      else expect((await asked).text).toContain('generation 1');
      expect((await ended).code).toBe(impatient ? 1 : 0);
    },
  );

  it('restarts once more, and not each time, where restarts are asked for during one', async () => {
    const { signal, prints, ended } = await serving({ faults: { openSlowly: true } });
    signal('SIGUSR2');
    await prints(/opening[\s\S]*opening/);
    for (let times = 0; times < 10; times++) {
      signal('SIGUSR2');
      await pause(2);
    }
    await prints(/restarted[\s\S]*restarted/);
    signal('SIGTERM');
    const { code, stdout } = await ended;
    expect([code, stdout.match(/opening/g)]).toEqual([0, ['opening', 'opening', 'opening']]);
  });

  it('leaves signals alone where it was told to', async () => {
    const { signal, ended } = await serving({ installSignalHandlers: false });
    signal('SIGTERM');
    expect(await ended).toMatchObject({ code: null, signal: 'SIGTERM' });
  });

  it('turns readiness to 503 within 10 ms after SIGTERM, while requests are still answered', async () => {
    const { url, signal, ended } = await serving({ shutdownDelayMs: 500, watches: true });
    expect((await request(url('/ready'))).status).toBe(200);
    signal('SIGTERM');
    while ((await request(url('/ready'))).status === 200);
    expect((await request(url())).status).toBe(200);
    const { code, stdout } = await ended;
    // Measured in the process itself: how soon others are heard is up to whoever has the processor.
    const answers = JSON.parse(/answered (.*)/.exec(stdout)[1]);
    const statuses = answers.map(([path, status, ms]) => [path, status, status === 503 || ms < 10]);
    expect(code).toBe(0);
    expect(statuses.filter(([path]) => path === '/')).toEqual([['/', 200, expect.any(Boolean)]]);
    const readiness = statuses.filter(([path]) => path === '/ready');
    expect(readiness.at(-1)).toEqual(['/ready', 503, true]);
    expect(readiness.filter(([, , inTime]) => !inTime)).toEqual([]);
  });
});

const unshare = ['unshare', '--user', '--map-root-user', '--pid', '--fork', '--kill-child', '--mount-proc'];
const hasNamespaces =
  process.platform === 'linux' && spawnSync(unshare[0], [...unshare.slice(1), 'true']).status === 0;

describe.runIf(hasNamespaces)('as PID 1 of a container', () => {
  /** The process that is 1 inside, by its number outside. */
  const inside = (pid) => Number(spawnSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' }).stdout);

  it.each(['SIGTERM', 'SIGINT'])('it stops and exits with 0 on %s', async (name) => {
    const { child, url, prints, ended } = await serving({}, [...unshare, process.execPath]);
    expect((await request(url())).text).toBe('generation 1, process 1');
    const slow = request(url('/slow'));
    await prints(/slow/);
    process.kill(inside(child.pid), name);
    expect((await slow).text).toContain('process 1');
    expect((await ended).code).toBe(0);
  });
});
