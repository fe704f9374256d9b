// The framework that Node's sockets cannot be given to: its own listen on ports, and the proxy brings bytes there.

import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { root } from '../fixtures/folders.mjs';
import { proxyFront } from '../fixtures/proxy-front.mjs';

const fixture = path.join(root, '__test__/fixtures/ultimate-express');
const folder = path.join(root, 'target/ultimate-express');

/** Installs the framework once; it is native, and not among what this repository itself needs. */
function install() {
  if (existsSync(path.join(folder, 'node_modules/ultimate-express/package.json'))) return;
  mkdirSync(folder, { recursive: true });
  copyFileSync(path.join(fixture, 'package.json'), path.join(folder, 'package.json'));
  const args = [
    'install',
    '--prefix',
    folder,
    '--no-package-lock',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ];
  const { status } = spawnSync('npm', args, { stdio: 'inherit' });
  if (status !== 0) throw new Error('npm could not install ultimate-express');
}

/** Its native part is built for some versions of Node alone. */
function canLoad() {
  const { status } = spawnSync(process.execPath, ['-e', "require('ultimate-express')"], { cwd: folder });
  return status === 0;
}

describe.skipIf(process.platform !== 'linux')('ultimate-express behind the proxy', () => {
  beforeAll(install, 120_000);

  it('answers requests, spread over its workers', async (context) => {
    if (!canLoad()) return context.skip(`uwebsockets has no build for Node.js ${process.version}`);
    const command = [path.join(fixture, 'worker.cjs'), folder];
    const { url, told, front } = await proxyFront({ command });
    const workers = new Set();
    for (let turn = 0; turn < 4; turn++) {
      const response = await fetch(`${url}/hello/${turn}`, { headers: { connection: 'close' } });
      expect(await response.text()).toBe(`Hello ${turn}`);
      workers.add(response.headers.get('x-worker'));
    }
    expect(workers).toEqual(new Set(['worker-0', 'worker-1']));
    const numbers = Array.from({ length: 100_000 }, (_, index) => index);
    const response = await fetch(`${url}/sum`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(numbers),
    });
    expect(await response.json()).toEqual({ sum: 4_999_950_000 });
    await front.close();
    expect(told.count.mock.calls.some(([name]) => name === 'proxy_errors')).toBe(false);
  });
});
