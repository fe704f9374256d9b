// Where a start gets its settings from, what counts more than what, and what is refused: each time with the place that is wrong.
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { emptyFolder } from '../fixtures/folders.mjs';

const require = createRequire(import.meta.url);
const { configure, nameOfFolder } = require('../../lib/command/configuration.js');
const { workerEnvironment } = require('../../lib/command/environment.js');

/** A folder with these files; what is no text is written as JSON. */
function folderWith(files) {
  const folder = emptyFolder();
  for (const [name, content] of Object.entries({ 'app.js': '', ...files })) {
    const file = path.join(folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  }
  return folder;
}

/** What is decided in a folder with these files. */
async function decided(files, { target, given = {}, passed = [], env = {} } = {}) {
  const folder = folderWith(files);
  vi.spyOn(process, 'cwd').mockReturnValue(folder);
  onTestFinished(() => vi.restoreAllMocks());
  const settings = await configure({ target, given: { cwd: folder, ...given }, passed }, env);
  return { ...settings, script: path.relative(folder, settings.script), folder };
}

const refusal = (files, call) =>
  decided(files, call).then(
    () => 'taken',
    ({ code, message }) => `${code}: ${message}`,
  );

describe('what counts', () => {
  it('is the flag, then the environment, then the configuration', async () => {
    const files = {
      'flotilla.config.json': { script: 'app.js', workers: 2, grace: '2s', maxMemory: '1g', name: 'file' },
    };
    const settings = await decided(files, {
      given: { workers: 5 },
      env: { FLOTILLA_WORKERS: '4', FLOTILLA_GRACE: '3s' },
    });
    expect(settings).toMatchObject({
      workers: 5,
      grace: 3000,
      maxMemory: 2 ** 30,
      name: 'file',
      script: 'app.js',
    });
  });

  it('are WEB_CONCURRENCY and PORT, where nothing of ours is set', async () => {
    const env = { WEB_CONCURRENCY: '3', PORT: '8080' };
    expect(await decided({}, { target: 'app.js', env })).toMatchObject({ workers: 3, port: 8080 });
    const both = { ...env, FLOTILLA_WORKERS: '6' };
    expect(await decided({}, { target: 'app.js', env: both })).toMatchObject({ workers: 6 });
  });

  it.each([
    ['flotilla.config.mjs', 'export default { workers: 7 };'],
    ['flotilla.config.mjs', 'export default async () => ({ workers: 7 });'],
    ['flotilla.config.cjs', 'module.exports = { workers: 7 };'],
    ['flotilla.config.json', { workers: 7 }],
    ['package.json', { name: 'x', flotilla: { workers: 7 } }],
  ])('may stand in %s', async (file, content) => {
    expect(await decided({ [file]: content }, { target: 'app.js' })).toMatchObject({ workers: 7 });
  });

  it('is one configuration: two are refused', async () => {
    const files = { 'flotilla.config.json': {}, 'package.json': { flotilla: {} } };
    expect(await refusal(files, { target: 'app.js' })).toMatch(/CONFIG_UNREADABLE.*keep one of them/);
  });
});

describe('a mistake', () => {
  it.each([
    [
      { 'flotilla.config.json': { wrokers: 2 } },
      {},
      /UNKNOWN_OPTION.*flotilla\.config\.json.*did you mean "workers"/,
    ],
    [{ 'flotilla.config.json': { 'max-memory': 2 } }, {}, /did you mean "maxMemory"/],
    [{ 'flotilla.config.json': { workers: 0 } }, {}, /OUT_OF_RANGE.*flotilla\.config\.json: workers must be/],
    [{ 'flotilla.config.json': '{ "workers": ' }, {}, /CONFIG_UNREADABLE.*JSON/],
    [{ 'flotilla.config.json': [] }, {}, /INVALID_ARGUMENT.*must be an object/],
    [{ 'flotilla.config.cjs': 'throw new Error("broken")' }, {}, /CONFIG_UNREADABLE.*broken/],
    [{ 'package.json': { flotilla: { prot: 1 } } }, {}, /"flotilla" in package\.json.*did you mean "port"/],
    [{}, { FLOTILLA_WORKRES: '2' }, /UNKNOWN_OPTION.*did you mean "FLOTILLA_WORKERS"/],
    [{}, { FLOTILLA_WORKERS: 'many' }, /FLOTILLA_WORKERS must be/],
    [{}, { PORT: '99999' }, /PORT must be/],
  ])('in %j with %j is refused where it stands', async (files, env, expected) => {
    expect(await refusal(files, { target: 'app.js', env })).toMatch(expected);
  });

  it('is no variable that is like none of ours, or that is the library’s', async () => {
    const env = { FLOTILLA_COLOUR_OF_MY_SHOP: 'red', FLOTILLA_TRANSPORT: 'ipc' };
    expect(await refusal({}, { target: 'app.js', env })).toBe('taken');
  });

  it('is a file that is not there', async () => {
    expect(await refusal({}, { target: 'missing.js' })).toMatch(/PROGRAM_MISSING.*missing\.js/);
    expect(await refusal({})).toMatch(/PROGRAM_MISSING.*flotilla start app\.js/);
    expect(await refusal({}, { target: 'app.js', given: { config: 'none.json' } })).toMatch(
      /CONFIG_UNREADABLE.*no such file/,
    );
  });
});

describe('the app', () => {
  it('is found as node finds it: without its ending, or by its folder', async () => {
    expect(await decided({}, { target: 'app' })).toMatchObject({ script: 'app.js' });
    expect(await decided({ 'server.ts': '' }, { target: 'server' })).toMatchObject({ script: 'server.ts' });
    expect(await decided({ 'api/index.js': '' }, { target: 'api' })).toMatchObject({
      script: 'api/index.js',
    });
  });

  it('has the name of its package, or of its file', async () => {
    expect(await decided({ 'package.json': { name: '@shop/web site' } }, { target: 'app.js' })).toMatchObject(
      { name: 'web-site' },
    );
    expect(await decided({}, { target: 'app.js' })).toMatchObject({ name: 'app' });
    expect(
      await nameOfFolder(
        folderWith({ 'package.json': { name: 'shop' }, 'flotilla.config.json': { name: 'api' } }),
      ),
    ).toBe('api');
  });

  it('gets the arguments of the command line in the place of those of a configuration', async () => {
    const files = { 'flotilla.config.json': { script: 'app.js', args: '--a --b' } };
    expect(await decided(files)).toMatchObject({ args: ['--a', '--b'] });
    expect(await decided(files, { passed: ['--c'] })).toMatchObject({ args: ['--c'] });
  });
});

describe('an ecosystem.config.js', () => {
  const app = {
    name: 'api',
    script: './app.js',
    args: ['--a', 'b'],
    instances: 'max',
    exec_mode: 'cluster',
    env: { NODE_ENV: 'production', N: 1 },
    max_memory_restart: '300M',
    kill_timeout: 3000,
    listen_timeout: 8000,
    out_file: '/var/log/x',
    cron_restart: '0 0 * * *',
    max_memry: '1G',
    something: 1,
  };
  const file = (apps) => ({ 'ecosystem.config.js': `module.exports = { apps: ${JSON.stringify(apps)} };` });

  it('is read as far as it means something, and the rest is named', async () => {
    const settings = await decided(file([app]));
    expect(settings).toMatchObject({
      name: 'api',
      script: 'app.js',
      args: ['--a', 'b'],
      workers: 'auto',
      env: { NODE_ENV: 'production', N: '1' },
      maxMemory: 300 * 2 ** 20,
      grace: 3000,
      readyTimeout: 8000,
    });
    expect(settings.ignored).toEqual([
      'out_file (standard output is the log)',
      expect.stringContaining('cron_restart (let cron call'),
      'max_memry',
      'something',
    ]);
  });

  it('counts its instances as PM2 does', async () => {
    const workersOf = async (instances) => (await decided(file([{ script: 'app.js', instances }]))).workers;
    expect(await workersOf(0)).toBe('auto');
    expect(await workersOf('2')).toBe(2);
    expect(await workersOf(-1)).toBe(Math.max(1, availableParallelism() - 1));
  });

  it('with several apps has one of them chosen by its name', async () => {
    const two = file([app, { name: 'web', script: 'app.js', instances: 3 }]);
    expect(await decided(two, { given: { name: 'web' } })).toMatchObject({ workers: 3 });
    expect(await refusal(two)).toMatch(/it has 2 apps; say which by --name: api, web/);
  });

  it('is not looked at where the command line names the app, unless it is that', async () => {
    expect((await decided(file([app]), { target: 'app.js' })).workers).toBeUndefined();
    const folder = folderWith(file([app]));
    const settings = await configure(
      { target: path.join(folder, 'ecosystem.config.js'), given: {}, passed: [] },
      {},
    );
    expect(settings).toMatchObject({ name: 'api', script: path.join(folder, 'app.js') });
  });
});

describe('the environment of the app', () => {
  it.skipIf(!require('node:util').parseEnv)(
    'is its own first, then files, the later before the earlier, then the configuration',
    () => {
      const cwd = folderWith({ one: 'A=1\nB=1\nPATH=none\n', two: 'B=2\nC="3 4"\n' });
      const env = { A: '0', D: '0', PATH: 'none' };
      expect(workerEnvironment({ env, envFile: ['one', 'two'], port: 80, cwd })).toEqual({
        A: '1',
        B: '2',
        C: '3 4',
        D: '0',
        PORT: '80',
      });
    },
  );

  it('is refused where a file of it is missing', () => {
    expect(() => workerEnvironment({ envFile: ['none'], cwd: emptyFolder() })).toThrow(
      expect.objectContaining({ code: 'FLOTILLA_ERR_CONFIG_UNREADABLE' }),
    );
  });
});
