import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, startShown, statusOf, token, untilStatus } from '../fixtures/admin.mjs';
import { looksWell, openBrowser } from '../fixtures/browser.mjs';

/** @type {Awaited<ReturnType<typeof startShown>>} */
let server;
/** @type {(() => void)[]} */
const kills = [];

beforeAll(async () => {
  server = await startShown({ admin: { port: 0, token, actions: true } }, (kill) => kills.push(kill));
  for (let count = 0; count < 20; count++) await ask(`${server.url}/user`);
});
afterAll(() => {
  for (const kill of kills) kill();
});

/** The page, as one sees it that has given the token. @param {import('playwright-core').BrowserContextOptions} [options] */
async function open(options) {
  const browser = await openBrowser();
  // What it runs to look the page over does not come from the page, whose policy lets nothing else in.
  const context = await browser.newContext({ ...options, bypassCSP: true });
  const page = await context.newPage();
  /** @type {string[]} */
  const asked = [];
  /** @type {string[]} */
  const troubles = [];
  page.on('request', (request) => asked.push(new URL(request.url()).origin));
  page.on('pageerror', (error) => troubles.push(error.message));
  await page.goto(server.admin.href);
  await page.getByLabel('Token').fill(token);
  await page.getByRole('button', { name: 'Show the figures' }).click();
  await page.getByRole('heading', { name: 'worker-0' }).waitFor();
  return { page, asked, troubles };
}

/** What its policy forbids is no trouble of the page's: a policy that is kept says nothing. */
describe('the page of the admin port', () => {
  it('asks for the token, and says that a wrong one is wrong', async () => {
    const browser = await openBrowser();
    const page = await browser.newPage();
    /** @type {string[]} */
    const said = [];
    page.on('console', (message) => said.push(message.text()));
    await page.goto(server.admin.href);
    await page.getByLabel('Token').fill('something else of a length');
    await page.keyboard.press('Enter');
    await page.getByText('This is not the token.').waitFor();
    await page.getByLabel('Token').fill(token);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'worker-1' }).waitFor();
    expect(await page.getByLabel('Token').isVisible()).toBe(false);
    expect(said.filter((text) => /policy|refused to/i.test(text))).toEqual([]);
  });

  it('shows what the status says, with units, and asks nobody else', async () => {
    const { page, asked, troubles } = await open();
    const { servers, cache } = await statusOf(server.admin);
    for (const { id, pid } of servers[0].workers) {
      const card = page.getByRole('article').filter({ has: page.getByRole('heading', { name: id }) });
      expect(await card.textContent()).toContain(`process ${pid}`);
      expect(await card.textContent()).toMatch(/Memory[\d.]+ MiB/);
    }
    const row = page.getByRole('row').filter({ hasText: 'users' });
    const cells = await row.getByRole('cell').allTextContents();
    const [users] = cache.namespaces;
    const columns = await page.getByRole('columnheader').allTextContents();
    const shown = Object.fromEntries(columns.slice(1).map((name, at) => [name, cells[at]]));
    expect(shown).toMatchObject({
      'Hit rate': `${Math.round((100 * users.hits) / (users.hits + users.misses))} %`,
      Entries: '1',
      Flights: `${users.flightsLed}`,
      Memory: expect.stringMatching(/^[\d.]+ (B|KiB)$/),
    });
    const chart = page.getByRole('img', { name: /^Requests per second, over the last two minutes/ });
    await expect.poll(() => chart.getAttribute('aria-label')).toMatch(/\/s now, .*\/s at most/);
    expect(await chart.locator('text').allTextContents()).toContain('now');
    expect(new Set(asked)).toEqual(new Set([server.admin.origin]));
    expect(troubles).toEqual([]);
  });

  it('has a button for each action, and each does what it says', async () => {
    const { page } = await open();
    const before = (await statusOf(server.admin)).servers[0];
    const victim = before.workers.find(({ id }) => id === 'worker-1');
    await page.getByRole('button', { name: 'Kill worker-1' }).click();
    await page.getByText('Asked to kill.').waitFor();
    const healed = await untilStatus(server.admin, ({ servers: [each] }) =>
      each.workers.some(({ id, pid, state }) => id === 'worker-1' && pid !== victim.pid && state === 'ready'),
    );
    expect(healed.servers[0].ends.SIGKILL).toBe(1);
    await page.getByText('Workers ended by SIGKILL: 1').waitFor();
    await page.getByText(`process ${victim.pid}`).waitFor({ state: 'detached' });

    await page.getByLabel('Workers').fill('3');
    await page.getByRole('button', { name: 'Scale' }).click();
    await page.getByRole('heading', { name: 'worker-2' }).waitFor();
    // Whoever opens it then finds as many as there are.
    await page.reload();
    await expect.poll(() => page.getByLabel('Workers', { exact: true }).inputValue()).toBe('3');
    await page.getByLabel('Workers').fill('2');
    await page.getByRole('button', { name: 'Scale' }).click();
    await page.getByRole('heading', { name: 'worker-2' }).waitFor({ state: 'detached' });

    await page.getByRole('button', { name: 'Restart' }).focus();
    await page.keyboard.press('Enter');
    await page.getByText('generation 2').waitFor();
    const after = await untilStatus(
      server.admin,
      (status) => status.servers[0].lastAction.outcome === 'done',
    );
    expect(after.servers[0].restarts.succeeded).toBe(1);
    await page.getByText('Restarts: 1 done, 0 failed.').waitFor();
  });

  it('has no violation that axe-core knows of, light and dark, on a phone and a desktop', async () => {
    const { page } = await open();
    await looksWell(page, 'admin');
  });
});
