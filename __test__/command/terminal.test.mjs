// What the command does on a terminal: a real pseudo-terminal, with keys.
import { spawn, spawnSync } from 'node:child_process';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { appFolder, bareEnvironment, command, plainApp, started } from '../fixtures/commanded.mjs';
import { root } from '../fixtures/folders.mjs';
import { start } from '../fixtures/processes.mjs';

const hasTerminal =
  process.platform !== 'win32' &&
  spawnSync('python3', ['-c', 'import pty, os; os.waitstatus_to_exitcode']).status === 0;

/** Runs the command in a pseudo-terminal. */
function onTerminal(cwd, args, env = {}) {
  const child = spawn(
    'python3',
    [path.join(root, '__test__/fixtures/terminal.py'), process.execPath, command, ...args],
    {
      cwd,
      env: bareEnvironment({ TERM: 'xterm', ...env }),
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  onTestFinished(() => child.kill('SIGKILL'));
  let written = '';
  let look = () => {};
  child.stdout.setEncoding('utf8').on('data', (text) => {
    written += text;
    look();
  });
  return {
    press: (keys) => child.stdin.write(keys),
    ended: new Promise((resolve) => child.on('close', (code) => resolve({ code, written }))),
    shows: (pattern) =>
      new Promise((resolve) => {
        look = () => pattern.test(written) && resolve(written);
        look();
      }),
  };
}

/** What moves the cursor and paints. */
const escapes = new RegExp(`${String.fromCharCode(27)}\\[[?\\d;]*[A-Za-z]`, 'g');

/** The last screen, as a person sees it. */
const lastScreen = (written) => written.split('\u001B[H').at(-1).replaceAll(escapes, '').split('\r\n');

describe.skipIf(!hasTerminal)('top', () => {
  it('shows a table that renews itself, ends by q, and leaves the terminal as it was', async () => {
    const app = await started({ 'app.js': plainApp() });
    const top = onTerminal(app.folder, ['top', '--interval', '200ms']);
    await top.shows(/ready, 2 of 2 workers/);
    await Promise.all(Array.from({ length: 30 }, () => app.visit()));
    // Requests a second are known from the second look on; each look at the workers is a second old at most.
    const written = await top.shows(/ready(?: +\S+)+? +[1-9]\d* +\d+ +\d+ +\d+ +\d/);
    top.press('q');
    const { code, written: all } = await top.ended;
    expect(code).toBe(0);
    expect(all).toContain('\u001B[?1049h');
    expect(all.trimEnd().endsWith('\u001B[?25h\u001B[?1049l')).toBe(true);
    const lines = lastScreen(written);
    expect(lines[0]).toMatch(/^app: ready, 2 of 2 workers/);
    expect(lines.find((line) => line.includes('req/s'))).toMatch(
      /worker +pid +state +CPU +memory +lag +req\/s +in flight +connections +restarts/,
    );
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(100);
  }, 20_000);

  it('ends by Ctrl-C, too', async () => {
    const app = await started({ 'app.js': plainApp() }, { args: ['-w', '1'] });
    const top = onTerminal(app.folder, ['top']);
    await top.shows(/q ends this/);
    top.press('\u0003');
    expect((await top.ended).code).toBe(0);
  }, 20_000);

  it('prints plain lines where there is no terminal', async () => {
    const app = await started({ 'app.js': plainApp() }, { args: ['-w', '1'] });
    const top = start(process.execPath, [command, 'top', '--interval', '100ms'], {
      cwd: app.folder,
      env: bareEnvironment(),
    });
    await top.prints(/(app: ready[\s\S]*){3}/);
    expect(top.written.stdout).not.toContain('\u001B');
  }, 20_000);

  it('says on the usual screen that nothing runs', async () => {
    const { code, written } = await onTerminal(appFolder({}), ['top']).ended;
    expect(code).toBe(3);
    expect(written).toMatch(/^flotilla: Nothing runs here/);
  });
});

describe.skipIf(!hasTerminal)('start on a terminal', () => {
  it('puts the worker before each line, in colours unless NO_COLOR says no, and ends by Ctrl-C', async () => {
    const folder = appFolder({ 'app.js': plainApp('one', "console.log('hello');") });
    for (const [env, expected] of [
      [{}, '0 | hello'],
      [{ NO_COLOR: '' }, '\u001B[36m 0 |\u001B[0m hello'],
    ]) {
      const running = onTerminal(folder, ['start', 'app.js', '-w', '1'], { PORT: '0', ...env });
      await running.shows(/ serves /);
      await running.shows(/hello/);
      running.press('\u0003');
      const { code, written } = await running.ended;
      expect([code, written]).toEqual([0, expect.stringContaining(expected)]);
    }
  }, 20_000);
});
