// What takes a program apart and puts it together elsewhere finds the addon: tracers, bundlers, and a package manager without
// node_modules. Each result runs in a folder where nothing else of the package is.

import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { build } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';
import { fetched } from '../fixtures/fetched.mjs';
import { builtAddon, emptyFolder, installCopy, root } from '../fixtures/folders.mjs';
import { node } from '../fixtures/processes.mjs';

const { fittingPlatforms, platforms, runningLibc } = createRequire(import.meta.url)(
  '../../lib/native/platforms.js',
);
const { id } = fittingPlatforms().find(({ libc }) => libc === undefined || libc === runningLibc());
const source = `
  const { LRUCacheClustered, versions } = require('flotilla');
  const cache = new LRUCacheClustered({ max: 10 });
  cache.set('a', versions.addon).then(() => cache.get('a')).then((value) => console.log('cached', value));`;

/** A program with the package installed beside it, as npm leaves it. */
function program() {
  const folder = emptyFolder();
  installCopy(folder);
  const place = path.join(folder, 'node_modules', `flotilla-${id}`);
  mkdirSync(place);
  copyFileSync(path.join(root, 'npm', id, 'package.json'), path.join(place, 'package.json'));
  copyFileSync(builtAddon, path.join(place, 'flotilla.node'));
  writeFileSync(path.join(folder, 'app.cjs'), source);
  return folder;
}

/** What a file prints, run where it was put together, with nothing of the package above it. */
async function outcome(folder, file) {
  const { stdout, stderr, code } = await node([file], {
    cwd: folder,
    env: { ...process.env, FLOTILLA_ADDON: '' },
  });
  return code === 0 ? stdout.trim() : stderr;
}
const cached = expect.stringMatching(/^cached \d+\.\d+\.\d+$/);

describe('the loader', () => {
  it('requires the package of each platform by its whole name', () => {
    const text = readFileSync(path.join(root, 'lib/native/platforms.js'), 'utf8');
    for (const platform of platforms)
      expect(text).toContain(`require('flotilla-${platform.id}/flotilla.node')`);
  });
});

describe('esbuild', () => {
  /** @param {import('esbuild').BuildOptions} options */
  async function bundled(options, folder = program()) {
    const out = emptyFolder();
    const inputs = {
      entryPoints: [path.join(folder, 'app.cjs')],
      outdir: out,
      outExtension: { '.js': '.cjs' },
    };
    await build({ ...inputs, bundle: true, platform: 'node', logLevel: 'silent', ...options });
    return out;
  }

  it('copies the addon beside the bundle, where it is told what to do with such files', async () => {
    expect(await outcome(await bundled({ loader: { '.node': 'copy' } }), 'app.cjs')).toEqual(cached);
  });

  it('leaves the package out where it is told so', async () => {
    const folder = program();
    const out = await bundled({ external: ['flotilla'] }, folder);
    copyFileSync(path.join(out, 'app.cjs'), path.join(folder, 'out.cjs'));
    expect(await outcome(folder, 'out.cjs')).toEqual(cached);
  });

  it('makes a bundle without an addon that says what to do', async () => {
    const said = await outcome(await bundled({ external: ['*.node'] }), 'app.cjs');
    expect(said).toMatch(/FLOTILLA_ERR_ADDON_NOT_BUNDLED/);
    expect(said).toMatch(/is not in this bundle; .*--external:flotilla/);
  });

  it('makes a bundle that takes an addon put beside it', async () => {
    const out = await bundled({ external: ['*.node'] });
    copyFileSync(builtAddon, path.join(out, 'flotilla.node'));
    expect(await outcome(out, 'app.cjs')).toEqual(cached);
  });
});

describe('other tools', () => {
  /** @type {ReturnType<typeof fetched>} */
  let tools;
  beforeAll(() => {
    tools = fetched('bundlers', {
      '@vercel/ncc': '^0.38.4',
      '@vercel/nft': '^1.1.1',
      'node-loader': '^2.1.0',
      webpack: '^5.103.0',
    });
  }, 180_000);
  const tool = (name) => createRequire(path.join(tools.folder, 'x.js'))(name);

  it('@vercel/nft traces the addon, as Next does for its standalone output', async (context) => {
    if (tools.reason) return context.skip(tools.reason);
    const folder = program();
    const { fileList } = await tool('@vercel/nft').nodeFileTrace([path.join(folder, 'app.cjs')], {
      base: folder,
      processCwd: folder,
    });
    const out = emptyFolder();
    for (const file of fileList) cpSync(path.join(folder, file), path.join(out, file));
    expect(await outcome(out, 'app.cjs')).toEqual(cached);
  });

  it.each([
    ['leaves the package out', { externals: { flotilla: 'commonjs flotilla' } }, true],
    [
      'takes the addon in by node-loader',
      { module: { rules: [{ test: /\.node$/, loader: 'node-loader' }] } },
      false,
    ],
  ])('webpack %s', async (_what, options, stays) => {
    if (tools.reason) return;
    const folder = program();
    const out = stays ? folder : emptyFolder();
    const webpack = tool('webpack');
    const config = {
      mode: 'development',
      devtool: false,
      target: 'node',
      context: folder,
      entry: './app.cjs',
    };
    const resolveLoader = { modules: [path.join(tools.folder, 'node_modules')] };
    const compiler = webpack({
      ...config,
      resolveLoader,
      output: { path: out, filename: 'out.cjs' },
      ...options,
    });
    const stats = await new Promise((resolve, reject) =>
      compiler.run((error, result) => (error ? reject(error) : resolve(result))),
    );
    expect(stats.compilation.errors).toEqual([]);
    expect(await outcome(out, 'out.cjs')).toEqual(cached);
  });

  it('ncc takes the addon along', async (context) => {
    if (tools.reason) return context.skip(tools.reason);
    const folder = program();
    const ncc = tool.call(undefined, '@vercel/ncc');
    const { code, assets } = await ncc(path.join(folder, 'app.cjs'), { quiet: true, cache: false });
    const out = emptyFolder();
    writeFileSync(path.join(out, 'out.cjs'), code);
    for (const [name, { source: bytes }] of Object.entries(assets)) {
      mkdirSync(path.dirname(path.join(out, name)), { recursive: true });
      writeFileSync(path.join(out, name), bytes);
    }
    expect(await outcome(out, 'out.cjs')).toEqual(cached);
  });
});

describe('Yarn with Plug’n’Play', () => {
  /** @type {ReturnType<typeof fetched>} */
  let tools;
  beforeAll(() => {
    tools = fetched('yarn', { '@yarnpkg/cli-dist': '^4.12.0' });
  }, 120_000);

  /** A program whose packages Yarn has put where it likes to. */
  async function installed(dependencies) {
    const folder = emptyFolder();
    const [copy, addon] = [installCopy(folder), path.join(folder, 'packages/addon')];
    const packages = path.join(folder, 'packages/flotilla');
    cpSync(copy, packages, { recursive: true });
    cpSync(path.join(root, 'npm', id), addon, { recursive: true });
    copyFileSync(builtAddon, path.join(addon, 'flotilla.node'));
    rmSync(path.join(folder, 'node_modules'), { recursive: true });
    const manifest = JSON.parse(readFileSync(path.join(packages, 'package.json'), 'utf8'));
    // No registry has the others before they are published.
    const optionalDependencies = { [`flotilla-${id}`]: 'file:../addon' };
    const files = {
      'packages/flotilla/package.json': JSON.stringify({ ...manifest, optionalDependencies }),
      'package.json': JSON.stringify({
        name: 'app',
        dependencies: { flotilla: 'file:packages/flotilla', ...dependencies },
      }),
      '.yarnrc.yml':
        'nodeLinker: pnp\nenableGlobalCache: false\nenableTelemetry: false\nenableScripts: false\n',
      'yarn.lock': '',
      'app.cjs': source,
      'express.cjs':
        "try { console.log(typeof require('flotilla').express.json); } catch ({ code }) { console.log(code); }",
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
    const yarn = path.join(tools.folder, 'node_modules/@yarnpkg/cli-dist/bin/yarn.js');
    const how = {
      cwd: folder,
      env: { ...process.env, FLOTILLA_ADDON: '', YARN_ENABLE_IMMUTABLE_INSTALLS: 'false' },
    };
    const install = await node([yarn, 'install'], how);
    if (install.code !== 0) throw new Error(install.stdout + install.stderr);
    return async (file) => (await node([yarn, 'node', file], how)).stdout.trim();
  }

  it('finds the addon, and the express that the program has', async (context) => {
    if (tools.reason) return context.skip(tools.reason);
    const yarnNode = await installed({ express: '^5.1.0' });
    expect(await yarnNode('app.cjs')).toEqual(cached);
    expect(await yarnNode('express.cjs')).toBe('function');
  });

  it('says what to install where the program has no express', async (context) => {
    if (tools.reason) return context.skip(tools.reason);
    const yarnNode = await installed({});
    expect(await yarnNode('express.cjs')).toBe('FLOTILLA_ERR_EXPRESS_MISSING');
  });
});
