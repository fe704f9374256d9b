// What the workers of every contestant serve: hello world, and a few requests that tell of the worker.

const http = require('node:http');

/** For a package that brings no types. @type {(name: string) => any} */
const untyped = require;

/** Works for so long, as a computation does: the event loop waits. @param {number} milliseconds */
function work(milliseconds) {
  const until = performance.now() + milliseconds;
  while (performance.now() < until);
}

/** When a connection came to this process, on the clock that all processes of the machine share. */
const CAME = Symbol('came');
const now = () => Number(process.hrtime.bigint()) / 1e6;

/** Tells when its connection came, and by whom it was answered. @param {any} request @param {any} response */
function tell(request, response) {
  const [, , what, argument] = String(request.url).split('/');
  if (what === 'compute') work(Number(argument));
  if (what === 'block') setInterval(work, 1000, Number(argument)).unref();
  response.end(JSON.stringify({ pid: process.pid, came: request.socket[CAME] }));
}

/** What came as JSON with a request. @param {http.IncomingMessage} request @returns {Promise<any>} */
function bodyOf(request) {
  return new Promise((resolve, reject) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
    request.on('end', () => resolve(JSON.parse(text))).on('error', reject);
  });
}

/** What an order that is posted is answered with. @param {any} order */
const receipt = ({ customer, items }) => ({ customer, count: items.length, first: items[0] });

/** @param {http.IncomingMessage} request @param {http.ServerResponse} response */
async function take(request, response) {
  const answer = JSON.stringify(receipt(await bodyOf(request)));
  response.setHeader('Content-Type', 'application/json');
  response.end(answer);
}

/** @type {Record<string, () => http.Server | Promise<http.Server>>} */
const apps = {
  http: () =>
    http.createServer((request, response) => {
      if (request.method === 'POST') return void take(request, response);
      response.setHeader('Content-Type', 'text/plain');
      response.end('Hello wrk');
    }),
  express: () => {
    const express = require('express');
    const app = express();
    app.get(
      '/hello/:name',
      (/** @type {any} */ request, /** @type {any} */ response) =>
        void response.send(`Hello ${request.params.name}`),
    );
    app.post(
      '/hello/:name',
      express.json(),
      (/** @type {any} */ request, /** @type {any} */ response) => void response.json(receipt(request.body)),
    );
    return http.createServer(app);
  },
  fastify: async () => {
    const app = require('fastify').fastify();
    app.get('/hello/:name', async (/** @type {any} */ request) => `Hello ${request.params.name}`);
    app.post('/hello/:name', async (/** @type {any} */ request) => receipt(request.body));
    await app.ready();
    return app.server;
  },
  koa: () => {
    const Koa = untyped('koa');
    const app = new Koa();
    app.use(async (/** @type {any} */ context) => {
      context.body = context.method === 'POST' ? receipt(await bodyOf(context.req)) : 'Hello wrk';
    });
    return http.createServer(app.callback());
  },
  telling: () => {
    const server = http.createServer(tell);
    server.on('connection', (/** @type {any} */ socket) => {
      socket[CAME] = now();
    });
    return server;
  },
};

/**
 * @param {string} name
 * @returns {Promise<http.Server>}
 */
module.exports = async (name) => {
  const make = apps[name];
  if (!make) throw new Error(`there is no application ${name}`);
  return make();
};
