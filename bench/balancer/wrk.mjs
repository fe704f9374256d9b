// Load by wrk.

import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const CONNECTIONS = 64;
const post = fileURLToPath(new URL('post.lua', import.meta.url));

/**
 * @typedef {object} Load
 * @property {number} milliseconds
 * @property {boolean} [short] a connection for each request
 * @property {boolean} [posts] 1 KB of JSON with each request
 */

/** A round of which nothing was answered is made again, longer, up to this: a machine may have been busy elsewhere. */
const LONGEST = 10_000;

/**
 * @param {number} port
 * @param {Load} wanted
 * @returns {Promise<{ requests: number, perSecond: number }>}
 */
export async function load(port, wanted) {
  const report = await reported(port, wanted);
  const [, requests] = /(\d+) requests in/.exec(report) ?? [];
  const [, perSecond] = /Requests\/sec:\s+([\d.]+)/.exec(report) ?? [];
  if (requests === undefined || /Non-2xx|Socket errors/.test(report)) {
    throw new Error(`wrk was not answered well: ${report}`);
  }
  if (Number(requests) > 0) return { requests: Number(requests), perSecond: Number(perSecond) };
  if (wanted.milliseconds >= LONGEST) throw new Error(`wrk was not answered: ${report}`);
  return load(port, { ...wanted, milliseconds: Math.min(LONGEST, wanted.milliseconds * 5) });
}

/**
 * @param {number} port
 * @param {Load} wanted
 */
async function reported(port, { milliseconds, short = false, posts = false }) {
  const header = short ? ['-H', 'Connection: close'] : [];
  const script = posts ? ['-s', post] : [];
  const url = `http://127.0.0.1:${port}/hello/wrk`;
  const args = ['-t1', `-c${CONNECTIONS}`, '-d60s', ...header, ...script, url];
  const child = spawn('wrk', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  // It counts whole seconds only. This ends it earlier, and it reports what there was until then.
  const timer = setTimeout(() => child.kill('SIGINT'), milliseconds);
  const report = await text(child.stdout);
  clearTimeout(timer);
  return report;
}
