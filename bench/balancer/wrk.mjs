// Load by wrk.

import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';

const CONNECTIONS = 64;

/** A round of which nothing was answered is made again, longer, up to this: a machine may have been busy elsewhere. */
const LONGEST = 10_000;

/**
 * @param {number} port
 * @param {{ milliseconds: number, short: boolean }} options `short`: a connection for each request
 * @returns {Promise<{ requests: number, perSecond: number }>}
 */
export async function load(port, { milliseconds, short }) {
  const report = await reported(port, milliseconds, short);
  const [, requests] = /(\d+) requests in/.exec(report) ?? [];
  const [, perSecond] = /Requests\/sec:\s+([\d.]+)/.exec(report) ?? [];
  if (requests === undefined || /Non-2xx/.test(report) || failures(report, Number(requests), short) > 0) {
    throw new Error(`wrk was not answered well: ${report}`);
  }
  if (Number(requests) > 0) return { requests: Number(requests), perSecond: Number(perSecond) };
  if (milliseconds >= LONGEST) throw new Error(`wrk was not answered: ${report}`);
  return load(port, { milliseconds: Math.min(LONGEST, milliseconds * 5), short });
}

/**
 * @param {number} port
 * @param {number} milliseconds
 * @param {boolean} short
 */
async function reported(port, milliseconds, short) {
  const header = short ? ['-H', 'Connection: close'] : [];
  const args = ['-t1', `-c${CONNECTIONS}`, '-d60s', ...header, `http://127.0.0.1:${port}/hello/wrk`];
  const child = spawn('wrk', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  // It counts whole seconds only. This ends it earlier, and it reports what there was until then.
  const timer = setTimeout(() => child.kill('SIGINT'), milliseconds);
  const report = await text(child.stdout);
  clearTimeout(timer);
  return report;
}

/**
 * The errors of sockets that wrk reports. Where a server closes after its answer without having said so, as
 * ultimate-express does, wrk counts an error of reading for each answer that it has: those are none.
 *
 * @param {string} report
 * @param {number} requests
 * @param {boolean} short
 */
function failures(report, requests, short) {
  const [, errors = ''] = /Socket errors: (.*)/.exec(report) ?? [];
  const [connect = 0, read = 0, write = 0, timeout = 0] = [...errors.matchAll(/\d+/g)].map(Number);
  const closings = short && read <= requests && read >= requests - CONNECTIONS ? read : 0;
  return connect + read + write + timeout - closings;
}
