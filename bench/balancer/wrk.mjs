// Load by wrk.

import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';

const CONNECTIONS = 64;

/**
 * @param {number} port
 * @param {{ milliseconds: number, short: boolean }} options `short`: a connection for each request
 * @returns {Promise<{ requests: number, perSecond: number }>}
 */
export async function load(port, { milliseconds, short }) {
  const header = short ? ['-H', 'Connection: close'] : [];
  const args = ['-t1', `-c${CONNECTIONS}`, '-d60s', ...header, `http://127.0.0.1:${port}/hello/wrk`];
  const child = spawn('wrk', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  // It counts whole seconds only. This ends it earlier, and it reports what there was until then.
  const timer = setTimeout(() => child.kill('SIGINT'), milliseconds);
  const report = await text(child.stdout);
  clearTimeout(timer);
  const [, requests] = /(\d+) requests in/.exec(report) ?? [];
  const [, perSecond] = /Requests\/sec:\s+([\d.]+)/.exec(report) ?? [];
  if (!(Number(requests) > 0) || /Non-2xx|Socket errors: .*[1-9]/.test(report)) {
    throw new Error(`wrk was not answered: ${report}`);
  }
  return { requests: Number(requests), perSecond: Number(perSecond) };
}
