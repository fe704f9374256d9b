// An Express page that is rendered on the server with the state of its request, and goes on in the browser.
//
//   npm install express esbuild flotilla
//   node server.mjs        then open http://localhost:3000/?name=Ada

import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import express from 'express';
import { serializeToScript } from 'flotilla/core';
import { createServerScope, scopeMiddleware } from 'flotilla/server';
import { basket, session, since, visitor } from './state.mjs';
import { view } from './view.mjs';

const { outputFiles } = await build({
  entryPoints: [fileURLToPath(new URL('browser.mjs', import.meta.url))],
  bundle: true,
  format: 'esm',
  write: false,
});

const server = createServerScope({ ttl: 60_000 });
const app = express();

app.get('/browser.js', (_request, response) => {
  response.type('js').send(outputFiles[0].text);
});

app.use(scopeMiddleware(server));

/** Stands for a database. Nobody hands it the request: it writes to the state of whoever calls. */
async function loadBasket() {
  await sleep(5);
  basket.set([{ name: `apple of ${visitor.get()}`, price: 2 }]);
}

app.get('/', async (request, response) => {
  visitor.set(String(request.query.name ?? 'stranger'));
  session.set('a secret of this session');
  since.set(new Date());
  await loadBasket();
  response.set('content-security-policy', "default-src 'none'; script-src 'self'; connect-src 'self'");
  response.send(`<!doctype html>
<meta charset="utf-8">
<title>Scopes</title>
<main id="page">${view()}</main>
<button id="add">Add a pear</button>
${serializeToScript(/** @type {any} */ (request).scope)}
<script type="module" src="/browser.js"></script>`);
});

const listener = app.listen(Number(process.env.PORT ?? 3000), () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (listener.address());
  console.log(`Open http://localhost:${port}/?name=Ada`);
});

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    listener.close(() => server.destroy());
    listener.closeAllConnections();
  });
}
