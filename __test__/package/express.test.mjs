import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { builtAddon, emptyFolder, installCopy } from '../fixtures/folders.mjs';
import { node } from '../fixtures/processes.mjs';

const require = createRequire(import.meta.url);

/**
 * Puts a package into a folder's `node_modules`. ultimate-express itself stands on a package that no registry
 * has, so a small one of its name takes its place.
 */
function installPackage(folder, name, source) {
  const place = path.join(folder, 'node_modules', name);
  mkdirSync(place, { recursive: true });
  writeFileSync(path.join(place, 'package.json'), JSON.stringify({ name, version: '1.0.0' }));
  writeFileSync(path.join(place, 'index.js'), source);
}

async function run(folder, script) {
  const { stdout, stderr } = await node(['-e', script], {
    cwd: folder,
    env: { ...process.env, FLOTILLA_ADDON: builtAddon },
  });
  if (stderr) throw new Error(stderr);
  return stdout.trim();
}

describe('express', () => {
  it('is the installed express, with all that hangs on it', () => {
    const { express } = require('flotilla');
    const real = require('express');
    const app = express();
    expect(typeof app.listen).toBe('function');
    expect(express.json).toBe(real.json);
    expect(Object.keys(express)).toEqual(Object.keys(real));
    expect('Router' in express).toBe(true);
    expect({ ...express }).toEqual({ ...real });
    expect(Object.getOwnPropertyDescriptor(express, 'json')?.value).toBe(real.json);
    expect(typeof new express.Router().get).toBe('function');
  });

  it('is ultimate-express where both are installed', async () => {
    const folder = emptyFolder();
    installCopy(folder);
    installPackage(folder, 'express', 'module.exports = () => "express";');
    installPackage(folder, 'ultimate-express', 'module.exports = () => "ultimate-express";');
    expect(await run(folder, "console.log(require('flotilla').express())")).toBe('ultimate-express');
  });

  it('says what to install where neither is, at the first use and not before', async () => {
    const folder = emptyFolder();
    installCopy(folder);
    const script = `
      const { express } = require('flotilla');
      for (const use of [() => express(), () => express.json, () => 'json' in express, () => new express()]) {
        try { use(); console.log('no error'); } catch ({ code, message }) { console.log(code, message); }
      }`;
    const lines = (await run(folder, script)).split('\n');
    expect(lines).toHaveLength(4);
    for (const line of lines) {
      expect(line).toMatch(
        /^FLOTILLA_ERR_EXPRESS_MISSING .*"ultimate-express" nor "express".*npm install express/,
      );
    }
  });

  it('shows the error of an installed one that fails to load, instead of passing over it', async () => {
    const folder = emptyFolder();
    installCopy(folder);
    installPackage(folder, 'ultimate-express', "require('its-own-dependency');");
    installPackage(folder, 'express', 'module.exports = () => "express";');
    const script =
      "try { require('flotilla').express(); } catch ({ message }) { console.log(message.split('\\n')[0]); }";
    expect(await run(folder, script)).toBe("Cannot find module 'its-own-dependency'");
  });
});
