// The SSR example, from the request to the browser that goes on with the request's state.

import { describe, expect, it } from 'vitest';
import { openBrowser } from '../fixtures/browser.mjs';
import { root } from '../fixtures/folders.mjs';
import { start } from '../fixtures/processes.mjs';

async function startExample() {
  const example = start(process.execPath, ['examples/ssr/server.mjs'], {
    cwd: root,
    env: { ...process.env, PORT: '0' },
  });
  const [, url] = await example.prints(/Open (http:\S+)\//);
  return { ...example, page: (name) => `${url}/?name=${encodeURIComponent(name)}` };
}

const hostile = `</script><script>document.title = 'hacked'</script><img src=x onerror="document.title='hacked'">`;

describe('the page', () => {
  it('is rendered on the server with the state of its own request', async () => {
    const { page } = await startExample();
    const names = Array.from({ length: 40 }, (_, index) => `visitor ${index}`);
    const pages = await Promise.all(names.map(async (name) => (await fetch(page(name))).text()));
    for (const [index, html] of pages.entries()) {
      expect(html).toContain(`<h1>Hello ${names[index]}</h1>`);
      expect(html).toContain(`<li>apple of ${names[index]}: 2</li>`);
      expect(html.match(/visitor \d+/g)?.filter((name) => name !== names[index])).toEqual([]);
      expect(html).not.toContain('secret');
    }
  });

  it('goes on in the browser with the same state, unchanged by hydration', async () => {
    const { page } = await startExample();
    const tab = await (await openBrowser()).newPage();
    const problems = [];
    tab.on('pageerror', (error) => problems.push(error.message));
    tab.on('console', (message) => problems.push(message.text()));
    const response = await tab.goto(page('Ada & Eve'));
    const sent = /<main id="page">(.*)<\/main>/s.exec((await response?.text()) ?? '')?.[1];
    await tab.getByRole('button').click();
    expect(await tab.locator('li').allTextContents()).toEqual(['apple of Ada & Eve: 2', 'pear: 3']);
    expect(await tab.locator('output').textContent()).toBe('5');
    // Put back, the page is to the letter what the server sent: nothing was lost on the way.
    const after = (await tab.locator('#page').innerHTML())
      .replace('<li>pear: 3</li>', '')
      .replace('>5<', '>2<');
    expect(after).toBe(sent);
    expect(problems).toEqual([]);
  });

  it('cannot be broken out of by what a visitor sends', async () => {
    const { page } = await startExample();
    const tab = await (await openBrowser()).newPage();
    await tab.goto(page(hostile));
    await tab.getByRole('button').click();
    expect(await tab.locator('h1').textContent()).toBe(`Hello ${hostile}`);
    expect(await tab.title()).toBe('Scopes');
    expect(await tab.locator('script').count()).toBe(2);
  });

  it('comes from a server that ends well', async () => {
    const { child, ended, page } = await startExample();
    await fetch(page('x'));
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 0, stderr: '' });
  });
});
