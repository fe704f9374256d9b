import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { emptyFolder, root } from '../fixtures/folders.mjs';
import { start } from '../fixtures/processes.mjs';

const bin = (name) => path.join(root, 'node_modules/.bin', name);
const dist = path.join(root, 'target/packed');
/** @type {Record<'main' | 'platform', string>} */
let tarballs;

beforeAll(() => {
  const printed = execFileSync(process.execPath, ['scripts/pack.mjs', dist], { cwd: root, encoding: 'utf8' });
  const [main, platform] = printed.trim().split('\n');
  tarballs = { main, platform };
});

/** A PATH with Node and npm on it, and no cargo, no compiler. */
function pathWithoutRust(folder) {
  const tools = path.join(folder, 'tools');
  mkdirSync(tools);
  symlinkSync(process.execPath, path.join(tools, 'node'));
  const npm = process.env.PATH.split(path.delimiter)
    .map((place) => path.join(place, 'npm'))
    .find((file) => existsSync(file));
  symlinkSync(npm, path.join(tools, 'npm'));
  symlinkSync('/bin/sh', path.join(tools, 'sh'));
  return tools;
}

/** A folder with what the tarballs carry where npm would put it. */
function unpacked() {
  const folder = emptyFolder();
  for (const [tarball, name] of [
    [tarballs.main, 'flotilla'],
    [tarballs.platform, path.basename(tarballs.platform).replace(/-\d+\.\d+\.\d+\.tgz$/, '')],
  ]) {
    const place = path.join(folder, 'node_modules', name);
    mkdirSync(place, { recursive: true });
    execFileSync('tar', ['xzf', tarball, '--strip-components=1', '-C', place]);
  }
  return folder;
}

describe('the two tarballs in an empty folder', () => {
  it('install with no Rust and no compiler on the PATH, and serve a request from several workers', async () => {
    const folder = emptyFolder();
    const env = { ...process.env, PATH: pathWithoutRust(folder) };
    writeFileSync(path.join(folder, 'package.json'), '{ "private": true }');
    const install = start(
      'npm',
      ['install', '--no-audit', '--no-fund', tarballs.main, tarballs.platform, 'express@5'],
      {
        cwd: folder,
        env,
      },
    );
    const { code, stderr } = await install.ended;
    expect(code, stderr).toBe(0);
    expect(
      readdirSync(path.join(folder, 'node_modules')).filter((name) => name.startsWith('flotilla')),
    ).toHaveLength(2);

    writeFileSync(
      path.join(folder, 'server.mjs'),
      `import cluster from 'node:cluster';
       import express, { versions } from 'flotilla';
       if (cluster.isPrimary) {
         const workers = [cluster.fork(), cluster.fork()];
         let ready = 0;
         cluster.on('listening', (worker, { port }) => { if (++ready === workers.length) console.log('port ' + port); });
       } else {
         const app = express();
         app.get('/', (request, response) => response.json({ pid: process.pid, ...versions }));
         app.listen(0);
       }`,
    );
    const server = start('node', ['server.mjs'], { cwd: folder, env });
    const [, port] = await server.prints(/port (\d+)/);
    const pids = new Set();
    for (let request = 0; request < 4; request++) {
      const response = await fetch(`http://localhost:${port}/`, { headers: { connection: 'close' } });
      const { pid, flotilla, addon } = await response.json();
      expect(flotilla).toBe(addon);
      pids.add(pid);
    }
    expect(pids.size).toBe(2);
  });

  it('open every entry point, for import and for require', async () => {
    const folder = unpacked();
    const { exports } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
    const entries = Object.keys(exports).filter((entry) => entry !== './package.json');
    const script = `
      import { createRequire } from 'node:module';
      const require = createRequire(process.cwd() + '/x.js');
      for (const entry of ${JSON.stringify(entries)}.map((entry) => entry.replace('.', 'flotilla'))) {
        const [esm, cjs] = [await import(entry), require(entry)];
        if (esm.default !== cjs.default) throw new Error(entry);
        console.log(entry);
      }`;
    const ended = await start(process.execPath, ['--input-type=module', '-e', script], { cwd: folder }).ended;
    expect(ended, ended.stderr).toMatchObject({ code: 0 });
    expect(ended.stdout.trim().split('\n')).toEqual(entries.map((entry) => entry.replace('.', 'flotilla')));
  });

  // 1.5 MiB were the limit before the admin thread: it brought JSON, an HTTP/1.1 reader, metrics and meters, of which 38 KiB could be
  // won back by compiling cold crates for size and by tables in the place of code. 1.75 MiB were it before traces, the figures of second
  // tiers, and permits. A ninth of the addon is the standard
  // library’s printer of backtraces, which nobody can leave out.
  it('carry an addon of at most 1.8 MB', () => {
    const installed = path.join(unpacked(), 'node_modules');
    const addons = readdirSync(installed, { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.node'),
    );
    expect(addons).toHaveLength(1);
    expect(statSync(path.join(installed, addons[0])).size).toBeLessThanOrEqual(1.8 * 1024 * 1024);
  });

  it('carry what a user needs, and no test, no source, no binary in the main one', () => {
    const files = (tarball) =>
      execFileSync('tar', ['tzf', tarball], { encoding: 'utf8' })
        .trim()
        .split('\n')
        .map((file) => file.replace('package/', ''))
        .sort();
    const main = files(tarballs.main);
    for (const file of [
      'README.md',
      'LICENSE',
      'CHANGELOG.md',
      'index.d.ts',
      'index.d.mts',
      'docs/errors.md',
    ]) {
      expect(main).toContain(file);
    }
    expect(
      main.filter(
        (file) =>
          !/^(index\.|lib\/|docs\/|examples\/|bench\/results\/[\w-]+\.svg$|[A-Z]+(\.md)?$|package\.json$)/.test(
            file,
          ),
      ),
    ).toEqual([]);
    expect(main.filter((file) => file.endsWith('.node'))).toEqual([]);
    expect(files(tarballs.platform)).toEqual(['LICENSE', 'README.md', 'flotilla.node', 'package.json']);
  });
});

describe('a project written for @0xdoublesharp/lru-cache-clustered', () => {
  const fixture = path.join(root, '__test__/fixtures/adopted');

  /** The project in a folder where what the tarballs carry is installed, with that one import changed. */
  function adopted() {
    const folder = unpacked();
    for (const file of readdirSync(fixture)) {
      const parts = readFileSync(path.join(fixture, file), 'utf8').split(
        "'@0xdoublesharp/lru-cache-clustered'",
      );
      expect(parts, file).toHaveLength(2);
      writeFileSync(path.join(folder, file), parts.join("'flotilla/cache'"));
    }
    return folder;
  }

  /** @param {string} folder @param {string} program */
  async function passes(folder, program) {
    for (const transport of ['shared', 'ipc']) {
      const env = { ...process.env, FLOTILLA_ADDON: '', FLOTILLA_TRANSPORT: transport };
      const ended = await start(process.execPath, [program], { cwd: folder, env }).ended;
      expect(ended, transport).toMatchObject({ code: 0, stdout: 'passed\n' });
    }
  }

  it('passes its own checks in TypeScript, on both transports', async () => {
    const folder = adopted();
    const types = ['--types', 'node', '--typeRoots', path.join(root, 'node_modules/@types')];
    execFileSync(
      bin('tsc'),
      ['service.mts', '--strict', '--target', 'es2022', '--module', 'nodenext', ...types],
      { cwd: folder, stdio: 'pipe' },
    );
    await passes(folder, 'service.mjs');
  });

  it('passes its own checks in CommonJS, as servers in three workers, on both transports', () =>
    passes(adopted(), 'server.cjs'));
});

describe('the tools that look over packages', () => {
  it('publint finds nothing', () => {
    const printed = execFileSync(bin('publint'), [tarballs.main, '--strict'], { encoding: 'utf8' });
    expect(printed).toContain('All good!');
  });

  it('are-the-types-wrong finds nothing, for any way of resolving', () => {
    const printed = execFileSync(bin('attw'), [tarballs.main, '--format', 'json'], { encoding: 'utf8' });
    expect(JSON.parse(printed)).toMatchObject({ problems: {}, analysis: { problems: [] } });
  });
});
