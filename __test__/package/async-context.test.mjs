import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';

const root = new URL('../..', import.meta.url);

/** Whether Node.js has chosen how it keeps asynchronous context, just after something was loaded. */
function choosesWith(loading, env = {}) {
  const script = `let frame = {};
    try { frame = require('internal/async_context_frame') } catch {}
    const before = frame.current;
    ${loading};
    console.log(frame.current !== before);
    process.exit()`;
  const args = ['--no-warnings', '--expose-internals', '-e', script];
  const chosen = execFileSync(process.execPath, args, {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  return chosen.trim() === 'true';
}

/** Whether this version of Node.js leaves the choice to whoever asks first: 24 and later do. */
const isLeftOpen = choosesWith("require('node:async_hooks').AsyncLocalStorage");

test.runIf(isLeftOpen)(
  'how asynchronous context is kept is chosen before a part of the library is loaded',
  () => {
    expect(choosesWith('')).toBe(false);
    for (const part of ['createServer', 'startServer', 'createServerScope', 'LRUCacheClustered']) {
      expect(choosesWith(`require('./index.js').${part}`), part).toBe(true);
    }
    expect(choosesWith("require('./lib/doors/server.js').createServerScope")).toBe(true);
    expect(choosesWith("require('./lib/doors/cache.js').LRUCacheClustered")).toBe(true);
  },
);

test.runIf(isLeftOpen)('and in a worker of the command before its program is', () => {
  expect(choosesWith("require('./lib/doors/register.js')", { FLOTILLA_SEAT: 'none' })).toBe(true);
});
