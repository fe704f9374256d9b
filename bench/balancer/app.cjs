// What the workers of every contestant serve: hello world, and a few requests that tell of the worker.

const http = require('node:http');

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

/** @type {Record<string, () => http.Server>} */
const apps = {
  http: () =>
    http.createServer((_, response) => {
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
    return http.createServer(app);
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
 * @returns {http.Server}
 */
module.exports = (name) => {
  const make = apps[name];
  if (!make) throw new Error(`there is no application ${name}`);
  return make();
};
