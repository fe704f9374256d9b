/** Asking a server of this process something, without a socket: what it would answer to a client. */

/** @import { Server as HttpServer } from 'node:http' */

const http = require('node:http');
const { Duplex } = require('node:stream');
const within = require('../base/within.js');
const { isOfTls } = require('./arrival.js');

const patienceMs = 5000;

/** Two ends of a connection within one process. */
function pair() {
  /** @type {Duplex[]} */
  const ends = [];
  const end = (/** @type {number} */ other) =>
    new Duplex({
      read() {},
      write(chunk, _encoding, done) {
        ends[other].push(chunk);
        done();
      },
      final(done) {
        ends[other].push(null);
        done();
      },
    });
  ends.push(end(1), end(0));
  return ends;
}

/**
 * @param {HttpServer} server
 * @param {string} target the path
 * @returns {Promise<boolean>} whether it answers with a status below 400
 */
function asksItself(server, target) {
  const [client, its] = pair();
  const answered = /** @type {Promise<boolean>} */ (
    new Promise((resolve) => {
      const request = http.request({
        path: target,
        headers: { host: 'localhost' },
        createConnection: () => client,
      });
      request.on('response', (response) => {
        response.resume();
        resolve(Number(response.statusCode) < 400);
      });
      request.on('error', () => resolve(false));
      request.end();
    })
  );
  const event = isOfTls(server) ? 'secureConnection' : 'connection';
  // Not by its own `emit`, which counts connections: this is none.
  Reflect.apply(Object.getPrototypeOf(server).emit, server, [event, its]);
  return within(patienceMs, answered, () => false).finally(() => client.destroy());
}

module.exports = { asksItself };
