import { once } from 'node:events';
import { createServer } from 'node:http';
import { availableParallelism } from 'node:os';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { looksWell, openBrowser } from '../fixtures/browser.mjs';
import { root } from '../fixtures/folders.mjs';
import { node, start } from '../fixtures/processes.mjs';

const demo = ['examples/demo.mjs'];
const count = Math.max(2, availableParallelism());
const patience = { timeout: 20_000 };

/** @param {(kill: () => void) => void} [whenDone] */
async function startDemo(whenDone) {
  const env = { ...process.env, PORT: '0' };
  const running = start(process.execPath, demo, { cwd: root, env, ...(whenDone && { whenDone }) });
  const [, workers, url] = await running.prints(/(\d+) workers on (http:\S+)\n[\s\S]*Ctrl-C/);
  return { ...running, workers: Number(workers), url };
}

describe('the demo', () => {
  /** @type {Awaited<ReturnType<typeof startDemo>>} */
  let running;
  /** @type {(() => void)[]} */
  const kills = [];

  beforeAll(async () => {
    running = await startDemo((kill) => kills.push(kill));
  });
  afterAll(() => {
    for (const kill of kills) kill();
  });

  const statusOf = async () => (await (await fetch(`${running.url}/status`)).json()).servers[0];

  /** The page, when it shows that all workers are ready. @param {import('playwright-core').BrowserContextOptions} [options] */
  async function open(options) {
    const browser = await openBrowser();
    const page = await (await browser.newContext(options)).newPage();
    /** @type {Set<string>} */
    const origins = new Set();
    page.on('request', (request) => origins.add(new URL(request.url()).origin));
    await page.goto(running.url);
    const ready = page.getByRole('article').filter({ hasText: 'ready' });
    await expect.poll(() => ready.count(), patience).toBe(count);
    const figure = async (/** @type {string} */ name) => {
      const text = await page.locator('#visits div').filter({ hasText: name }).locator('dd').textContent();
      return Number(text?.replaceAll(',', ''));
    };
    const press = async (/** @type {string} */ name, /** @type {RegExp} */ outcome) => {
      await page.getByRole('button', { name }).click();
      const said = page.locator('#happened', { hasText: outcome });
      await said.waitFor({ timeout: 40_000 });
      return outcome.exec((await said.textContent()) ?? '') ?? [];
    };
    return { page, origins, figure, press };
  }

  it('prints an address where every core answers, and what to try', async () => {
    expect(running.workers).toBe(count);
    const pids = new Set();
    await expect
      .poll(async () => {
        const response = await fetch(`${running.url}/who`, { headers: { connection: 'close' } });
        pids.add((await response.json()).worker);
        return pids.size;
      }, patience)
      .toBe(count);
    const versions = await (await fetch(`${running.url}/versions`)).json();
    expect(versions).toMatchObject({ flotilla: expect.any(String), addon: expect.any(String) });
  });

  it('keeps the state of requests apart that it answers at the same time', async () => {
    const names = Array.from({ length: 20 }, (_, number) => `visitor-${number}`);
    const answers = await Promise.all(
      names.map(async (name) => (await fetch(`${running.url}/hello/${name}`)).text()),
    );
    expect(answers).toEqual(names.map((name) => `Hello ${name}, whoever else came meanwhile.\n`));
    await expect
      .poll(
        async () => (await statusOf()).workers.reduce((sum, { scopes }) => sum + scopes.forked, 0),
        patience,
      )
      .toBeGreaterThanOrEqual(20);
  });

  it('lets nobody but its page do something', async () => {
    for (const action of ['kill', 'restart', 'block', 'count', 'burst']) {
      const { status } = await fetch(`${running.url}/do/${action}`, { method: 'POST' });
      expect(status, action).toBe(403);
    }
    expect((await statusOf()).ends).toEqual({});
  });

  it('fetches once for 1,000 askers, and has all workers raise one counter', async () => {
    const { press, figure } = await open();
    const [, askers, workers] = await press(
      '1,000 askers at once',
      /^([\d,]+) askers, answered by (\d+) workers: one fetch, 0 failed\.$/,
    );
    expect([askers, Number(workers)]).toEqual(['1,000', count]);
    const [, first] = await press('Raise the counter 100 times', /raised one counter to (\d+)/);
    const [, again] = await press('Raise the counter 100 times', /raised one counter to (200)/);
    expect([first, again]).toEqual(['100', '200']);
    expect(await figure('Counter of all workers')).toBe(200);
  });

  it('loses no request of the page when a worker is killed or blocked, or all are replaced', async () => {
    const { press, figure, origins } = await open();
    const before = await statusOf();
    const [, restarted] = await press(
      'Restart all workers',
      /All workers were replaced\. Meanwhile ([\d,]+) requests .* none failed/,
    );
    const after = await statusOf();
    expect(after).toMatchObject({ generation: before.generation + 1, restarts: { succeeded: 1, failed: 0 } });
    const [, blocked] = await press('Block one for a second', /Process (\d+) was blocked for a second/);
    expect(after.workers.map(({ pid }) => String(pid))).toContain(blocked);
    const [, killed, lost] = await press(
      'Kill a worker',
      /worker-\d+, process (\d+), was killed, and another has its place\. .* answered, (none|\d+) failed/,
    );
    const healed = await statusOf();
    expect(healed.ends.SIGKILL).toBe(1);
    expect(healed.workers.map(({ pid }) => String(pid))).not.toContain(killed);
    // What a process was busy with when it was killed is lost, and the page says so; what waited was not.
    expect(await figure('Failed')).toBe(lost === 'none' ? 0 : Number(lost));
    expect(await figure('Failed')).toBeLessThanOrEqual(6);
    expect(await figure('Answers to this page')).toBeGreaterThan(Number(restarted?.replaceAll(',', '')));
    expect(origins).toEqual(new Set([running.url]));
  });

  it('keeps answering for ten seconds of load, and has no violation then that axe-core knows of', async () => {
    const { press, page } = await open({ bypassCSP: true });
    const [, answered] = await press(
      'Load for ten seconds',
      /Ten seconds of load are over\. Meanwhile ([\d,]+) requests of this page were answered, none failed/,
    );
    expect(Number(answered?.replaceAll(',', ''))).toBeGreaterThan(100);
    const chart = page.getByRole('img', { name: /^Requests per second/ });
    expect(await chart.getAttribute('aria-label')).toMatch(/[\d,]+\/s at most/);
    await looksWell(page, 'demo');
  });
});

describe('the demo, from its start to its end', () => {
  it.each(['SIGINT', 'SIGTERM'])('ends well on %s', async (signal) => {
    const { child, ended } = await startDemo();
    // As a terminal does it: to every process of the group.
    process.kill(-child.pid, signal);
    expect(await ended).toMatchObject({ code: 0, stderr: '' });
  });

  it('says that the port is taken, and which way out there is', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => other.close());
    await once(other, 'listening');
    const { port } = /** @type {import('node:net').AddressInfo} */ (other.address());
    const { code, stderr } = await node(demo, { cwd: root, env: { ...process.env, PORT: String(port) } });
    expect(code).toBe(1);
    expect(stderr).toBe(
      `The demo could not start: port ${port} is in use. Try another one: PORT=3100 npm start\n`,
    );
  });
});
