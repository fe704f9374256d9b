// `flotilla start` and the verbs that steer it: real processes, real signals, visitors meanwhile.
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import util from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  appFolder,
  bareEnvironment,
  call,
  command,
  get,
  plainApp,
  started,
  visitors,
} from '../fixtures/commanded.mjs';
import { root } from '../fixtures/folders.mjs';
import { node, start } from '../fixtures/processes.mjs';

const isPosix = process.platform !== 'win32';

/** The pids that answer, when as many do as there should be. */
async function pidsOf({ visit }, count) {
  let pids;
  const look = async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => visit()));
    pids = new Set(answers.map(({ pid }) => pid));
    return pids.size;
  };
  await expect.poll(look, { timeout: 10_000 }).toBe(count);
  return pids;
}

describe.skipIf(!isPosix)('an app that was never written for it', () => {
  it('is served by every worker, reloaded with nothing lost, scaled, and stopped', async () => {
    const app = await started({ 'app.js': plainApp('one') }, { args: ['-w', '2', '--', '--flag', 'x'] });
    await pidsOf(app, 2);
    expect(await app.visit()).toMatchObject({ version: 'one', argv: ['--flag', 'x'] });

    const load = visitors(app.port);
    app.write('app.js', plainApp('two'));
    const reload = await app.call('reload');
    expect([reload.code, reload.stderr]).toEqual([0, '']);
    expect(reload.stdout).toMatch(
      /^reloaded in .+: 2 new workers, \d+ open connections? moved, nothing dropped\n$/,
    );
    expect(await app.visit()).toMatchObject({ version: 'two' });
    const json = await app.call('reload', '--json');
    expect(JSON.parse(json.stdout)).toMatchObject({ generation: 3, workers: 2, cut: 0 });

    expect((await app.call('scale', '3')).stdout).toBe('3 workers\n');
    const renewed = await pidsOf(app, 3);
    expect((await app.call('restart-worker', '1')).code).toBe(0);
    const after = await pidsOf(app, 3);
    expect([...after].filter((pid) => !renewed.has(pid))).toHaveLength(1);
    expect((await app.call('scale', '1')).stdout).toBe('1 worker\n');

    const { answered, failed } = await load.end();
    expect(failed).toEqual([]);
    expect(answered).toBeGreaterThan(100);

    const stop = await app.call('stop');
    expect([stop.code, stop.stdout]).toEqual([0, 'stopped; all that was under way was answered\n']);
    expect((await app.running.ended).code).toBe(0);
    expect((await app.call('status')).code).toBe(3);
    expect(existsSync(path.join(app.folder, '.flotilla/app.sock'))).toBe(false);
  }, 40_000);

  it('has one worker for each visitor, where it is told what tells them apart', async () => {
    const app = await started(
      { 'app.js': plainApp() },
      { args: ['-w', '2', '--sticky', 'header:x-visitor'] },
    );
    const told = async () => (await app.call('status')).stdout;
    await expect.poll(told, { timeout: 10_000 }).toContain('2 of 2 workers');
    const asks = Array.from({ length: 60 }, async (_, index) => {
      const visitor = `visitor ${index % 12}`;
      const answer = await fetch(`http://127.0.0.1:${app.port}/`, {
        headers: { 'x-visitor': visitor, connection: 'close' },
      });
      return { visitor, pid: (await answer.json()).pid };
    });
    const pairs = new Set((await Promise.all(asks)).map(({ visitor, pid }) => `${visitor} at ${pid}`));
    expect(pairs.size).toBe(12);
    expect(new Set([...pairs].map((pair) => pair.split(' at ')[1])).size).toBe(2);
    const both = await call(app.folder, 'start', 'app.js', '--sticky', 'ip', '--strategy', 'least-loaded');
    expect([both.code, both.stderr]).toEqual([2, expect.stringContaining('without strategy')]);
  });

  it('tells how it is, to people and to programs', async () => {
    const app = await started({ 'app.js': plainApp(), 'package.json': '{ "name": "@acme/shop" }' });
    const told = async () => (await app.call('status')).stdout;
    await expect.poll(told, { timeout: 10_000 }).toMatch(/^shop: ready, 2 of 2 workers, generation 1, up /);
    const stdout = await told();
    expect(stdout).toMatch(/worker +pid +state +CPU +memory +lag +in flight +connections +restarts +up\n/);
    const status = JSON.parse((await app.call('status', '--json')).stdout);
    expect(status).toMatchObject({
      name: 'shop',
      pid: app.running.child.pid,
      node: process.version,
      state: 'ready',
      generation: 1,
      wanted: 2,
      addresses: [{ port: app.port, mode: 'handoff' }],
    });
    expect(status.workers.map(({ index, state, restarts }) => [index, state, restarts])).toEqual([
      [0, 'ready', 0],
      [1, 'ready', 0],
    ]);
  }, 20_000);

  it('refuses what makes no sense, and serves on', async () => {
    const app = await started({ 'app.js': plainApp() });
    const before = await pidsOf(app, 2);
    for (const [args, code, text] of [
      [['scale', '0'], 2, 'from 1 to 512'],
      [['scale', '1000'], 2, 'from 1 to 512'],
      [['scale', 'many'], 2, 'or auto'],
      [['restart-worker', '9'], 2, 'those there are: 0, 1'],
      [['restart-worker', 'x'], 2, 'a whole number'],
    ]) {
      const { code: actual, stderr } = await app.call(...args);
      expect([args, actual]).toEqual([args, code]);
      expect(stderr).toContain(text);
    }
    const second = await node([command, 'start', 'app.js'], {
      cwd: app.folder,
      env: bareEnvironment({ PORT: '0' }),
    });
    expect(second.code).toBe(1);
    expect(second.stderr).toMatch(/"app" runs already, as process \d+.*FLOTILLA_ERR_NAME_TAKEN/);
    expect(await pidsOf(app, 2)).toEqual(before);
  }, 20_000);
});

describe.skipIf(!isPosix)('a reload', () => {
  it.each([
    ['code that throws', '10s', 'throw new Error("broken on purpose");', /broken on purpose|ended/],
    ['code that never listens', '4s', 'setInterval(() => {}, 1000);', /not ready|listen/],
    ['code that exits at once', '10s', 'process.exit(0);', /ended|listen/],
    [
      'code that listens elsewhere',
      '10s',
      "require('node:http').createServer().listen('/tmp/flotilla-elsewhere-' + process.pid);",
      /listen/,
    ],
  ])(
    'to %s exits with 1, says why, and the old workers serve on',
    async (_, timeout, code, reason) => {
      const app = await started(
        { 'app.js': plainApp('one') },
        { args: ['-w', '1', '--ready-timeout', timeout] },
      );
      const { pid } = await app.visit();
      const load = visitors(app.port, 2);
      app.write('app.js', code);
      const reload = await app.call('reload');
      expect(reload.code).toBe(1);
      expect(reload.stderr).toMatch(reason);
      expect(reload.stderr.trim().split('\n')).toHaveLength(1);
      expect(await app.visit()).toMatchObject({ pid, version: 'one' });
      expect((await load.end()).failed).toEqual([]);
      expect(app.running.written.stderr).toContain('the old workers serve on');
      // What was mended is taken.
      app.write('app.js', plainApp('two'));
      expect((await app.call('reload')).code).toBe(0);
      expect(await app.visit()).toMatchObject({ version: 'two' });
    },
    30_000,
  );

  it.skipIf(!util.parseEnv)(
    'reads the files of the environment again, and fails where one is missing',
    async () => {
      const app = await started(
        { 'app.js': plainApp(), '.env': 'A=1\n' },
        { args: ['-w', '1', '--env-file', '.env'] },
      );
      expect((await app.visit()).env.A).toBe('1');
      app.write('.env', 'A=2\nB=3\n');
      await app.call('reload');
      expect((await app.visit()).env).toMatchObject({ A: '2', B: '3' });
      const { pid } = await app.visit();
      rmSync(path.join(app.folder, '.env'));
      const { code, stderr } = await app.call('reload');
      expect(code).toBe(1);
      expect(stderr).toMatch(/\.env cannot be used: there is no such file.*FLOTILLA_ERR_CONFIG_UNREADABLE/);
      expect(await app.visit()).toMatchObject({ pid, env: { A: '2' } });
    },
    20_000,
  );

  it.each(['SIGUSR2', 'SIGHUP'])(
    'comes by %s, too, and many at once are two at most',
    async (signal) => {
      const app = await started({ 'app.js': plainApp('one') }, { args: ['-w', '1'] });
      app.write('app.js', plainApp('two'));
      for (let count = 0; count < 10; count++) {
        app.running.child.kill(signal);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await app.running.says(/reloaded in .* nothing dropped/);
      expect(await app.visit()).toMatchObject({ version: 'two' });
      const status = JSON.parse((await app.call('status', '--json')).stdout);
      expect(status.generation).toBeLessThanOrEqual(3);
    },
    20_000,
  );

  it('comes with --watch when a file changes, and not when an ignored one does', async () => {
    const app = await started(
      { 'app.js': plainApp('one'), 'node_modules/x/index.js': '' },
      { args: ['-w', '1', '--watch'] },
    );
    app.write('node_modules/x/index.js', '1');
    app.write('app.log', 'x');
    app.write('app.js', plainApp('two'));
    await app.running.says(/reloading, because of app\.js has changed[\s\S]*reloaded in/);
    expect(await app.visit()).toMatchObject({ version: 'two' });
    expect(app.running.written.stderr).not.toMatch(/index\.js has|app\.log has/);
  }, 20_000);
});

describe.skipIf(!isPosix)('an app that cannot be started', () => {
  const failing = (files, timeout) => {
    const folder = appFolder(files);
    return node([command, 'start', 'app.js', '-w', '1', '--ready-timeout', timeout], {
      cwd: folder,
      env: bareEnvironment({ PORT: '0' }),
    });
  };

  it.each([
    ['exits at once', '10s', 'process.exit(3);', /ended with code 3/],
    ['throws', '10s', 'throw new Error("no luck");', /no luck|ended/],
    ['listens on nothing', '2s', 'setInterval(() => {}, 1000);', /listen|not ready/],
    ['is no JavaScript', '10s', 'this is not javascript', /ended/],
  ])(
    '%s: exit code 1 and a sentence',
    async (_, timeout, code, reason) => {
      const { code: actual, stderr } = await failing({ 'app.js': code }, timeout);
      expect(actual).toBe(1);
      expect(stderr).toMatch(reason);
      expect(stderr).toMatch(/flotilla: .*\(FLOTILLA_ERR_\w+\)\n$/);
    },
    20_000,
  );

  it('on a port that is taken says so', async () => {
    const first = await started({ 'app.js': plainApp() }, { args: ['-w', '1'] });
    const { code, stderr } = await node([command, 'start', 'app.js', '-w', '1', '--ready-timeout', '10s'], {
      cwd: appFolder({ 'app.js': plainApp() }),
      env: bareEnvironment({ PORT: String(first.port) }),
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(/in use/);
  }, 20_000);
});

describe.skipIf(!isPosix)('what the workers write', () => {
  const chatty = plainApp(
    'one',
    "console.log(JSON.stringify({ level: 'info', text: 'up' })); console.error('careful');",
  );

  it('comes out untouched where there is no terminal, each stream by itself', async () => {
    const { running } = await started({ 'app.js': chatty }, { args: ['-w', '1'] });
    await running.prints(/\n/);
    expect(running.written.stdout).toBe('{"level":"info","text":"up"}\n');
    await running.says(/^careful$/m);
  });

  it('has its worker before it, where that is asked for', async () => {
    const { running } = await started({ 'app.js': chatty }, { args: ['-w', '1', '--prefix', 'always'] });
    await running.prints(/^ 0 \| \{"level":"info","text":"up"\}\n/);
    await running.says(/^ 0 ! careful$/m);
  });

  it('is followed by logs, for all or one worker, for people or programs', async () => {
    const app = await started({
      'app.js': plainApp('one', "setInterval(() => console.log('tick ' + process.pid), 50);"),
    });
    const follow = (...args) => {
      const running = start(process.execPath, [command, 'logs', ...args], {
        cwd: app.folder,
        env: bareEnvironment(),
      });
      return running;
    };
    const all = follow();
    await all.prints(/ 0 \| tick \d+\n[\s\S]* 1 \| tick|1 \| tick \d+\n[\s\S]* 0 \| tick/);
    const one = follow('--worker', '1', '--json');
    const [line] = await one.prints(/^.*\n.*\n/);
    for (const each of line.trim().split('\n')) {
      expect(JSON.parse(each)).toMatchObject({
        worker: 1,
        stream: 'stdout',
        line: expect.stringMatching(/^tick \d+$/),
      });
    }
    await app.call('stop');
    // The log ends with the server.
    expect((await one.ended).code).toBe(0);
  }, 20_000);
});

describe.skipIf(process.platform !== 'linux')('what the front and the primary do', () => {
  it('is asked for by options: a page of figures, probes at a port, and no worker in the place of one that died', async () => {
    const app = await started(
      { 'app.js': plainApp() },
      { args: ['-w', '2', '--admin-port', '0', '--no-respawn', '--health-endpoints'] },
    );
    const [, admin] = await app.running.says(/dashboard are at http:\/\/127\.0\.0\.1:(\d+)/);
    expect(await get(Number(admin), '/metrics')).toContain('flotilla_server_ready');
    expect(await get(app.port, '/ready')).toContain('ready');
    expect(app.running.written.stdout).toBe('');
    const [pid] = await pidsOf(app, 2);
    process.kill(pid, 'SIGKILL');
    await app.running.says(/worker-\d ended \(SIGKILL\)/);
    expect(JSON.parse((await app.call('status', '--json')).stdout).workers).toHaveLength(1);
  }, 20_000);
});

describe.skipIf(!isPosix)('a stop by a signal', () => {
  it('answers what is under way, and exits with 0', async () => {
    const app = await started({ 'app.js': plainApp() }, { args: ['-w', '1'] });
    const slow = get(app.port, '/slow');
    await app.running.prints(/it has begun/);
    app.running.child.kill('SIGTERM');
    expect(await slow).toBe('slow');
    expect((await app.running.ended).code).toBe(0);
  }, 20_000);

  it('frees the name also where the process was killed', async () => {
    const app = await started({ 'app.js': plainApp() }, { args: ['-w', '1'] });
    app.running.child.kill('SIGKILL');
    await app.running.ended;
    expect((await call(app.folder, 'status')).code).toBe(3);
    writeFileSync(path.join(app.folder, 'app.js'), plainApp('again'));
    const again = start(process.execPath, [command, 'start', 'app.js', '-w', '1'], {
      cwd: app.folder,
      env: bareEnvironment({ PORT: '0' }),
    });
    const [, port] = await again.says(/ serves \S+:(\d+):/);
    expect(JSON.parse(await get(Number(port)))).toMatchObject({ version: 'again' });
  }, 20_000);
});

describe.skipIf(process.platform !== 'linux')('the cache of the app', () => {
  it('is shared by its workers, and outlives a reload', async () => {
    const cached = (version) => `
      const { LRUCacheClustered } = require(${JSON.stringify(root)});
      const cache = new LRUCacheClustered({ namespace: 'visits' });
      require('node:http').createServer(async (request, response) => {
        if (request.url === '/report') return response.end(await cache.fetch('report', () => new Promise(() => {})));
        const visits = await cache.incr('all');
        response.end(JSON.stringify({ pid: process.pid, version: '${version}', visits, transport: (await cache.usage()).transport }));
      }).listen(process.env.PORT);`;
    const app = await started({ 'app.js': cached('one') }, { args: ['-w', '2', '--cache-memory', '32mb'] });
    const first = await app.visit();
    expect(first).toMatchObject({ visits: 1, transport: 'shared' });
    app.write('app.js', cached('two'));
    expect((await app.call('reload')).code).toBe(0);
    expect(await app.visit()).toMatchObject({ visits: 2, version: 'two' });
    const { caches } = JSON.parse((await app.call('status', '--json')).stdout);
    expect(caches).toEqual([expect.objectContaining({ name: 'visits', entries: 1 })]);
    expect((await app.call('status')).stdout).toMatch(
      /cache +entries +memory +hits +sets +evictions\n *visits +1 /,
    );
    const inspected = await app.call('inspect');
    expect([inspected.code, inspected.stderr]).toEqual([0, '']);
    expect(inspected.stdout).toMatch(/^segment: 1 namespace, .* of 3\d MB,.*\nsound: /);
    expect(JSON.parse((await app.call('inspect', '--json')).stdout)).toMatchObject({
      segment: { namespaces: 1, wrong: null },
      caches,
      underWay: [{ name: 'visits', flights: [] }],
    });

    // Somebody fetches for all, and does not come to an end.
    for (const each of [get(app.port, '/report'), get(app.port, '/report')]) each.catch(() => {});
    const flights = async () => JSON.parse((await app.call('inspect', '--json')).stdout).underWay[0].flights;
    await expect.poll(flights, { timeout: 10_000 }).toHaveLength(1);
    const pids = JSON.parse((await app.call('status', '--json')).stdout).workers.map(({ pid }) => pid);
    const [{ key, leader, leftMs }] = await flights();
    expect([key, pids.includes(leader), leftMs > 0]).toEqual(['report', true, true]);
    expect((await app.call('inspect')).stdout).toMatch(
      new RegExp(`\\nflight in visits: "report" by process ${leader}, .+ left, [01] waiting\\n$`),
    );
  }, 20_000);
});
