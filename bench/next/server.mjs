// The application of Next, served: on two workers that share both caches, or by one process with the caches that Next brings. Prints the port.
// Usage: node server.mjs <shared | default>

import { once } from 'node:events';
import { createServer } from 'node:http';
import { startServer } from 'flotilla';

/** What is installed beside this program. @param {string} name @returns {Promise<any>} */
const load = (name) => import(name);

async function make() {
  const { default: next } = await load('next');
  const app = next({ dev: false, dir: import.meta.dirname });
  await app.prepare();
  const handle = app.getRequestHandler();
  return (/** @type {any} */ request, /** @type {any} */ response) => handle(request, response);
}

async function alone() {
  const server = createServer(await make());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return /** @type {import('node:net').AddressInfo} */ (server.address()).port;
}

const where = { host: '127.0.0.1', port: 0, workers: 2 };
const shared = () => startServer(async () => ({ app: await make() }), where);
const served = process.argv[2] === 'shared' ? await shared() : { mode: 'alone', port: await alone() };
if (served.mode !== 'worker') console.log(`port ${served.port}`);
