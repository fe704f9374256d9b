// Load by wrk.

import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { signalGroup, spawnGroup } from '../harness/groups.mjs';

const CONNECTIONS = 64;
const [post, latency] = ['post.lua', 'latency.lua'].map((name) =>
  fileURLToPath(new URL(name, import.meta.url)),
);

/**
 * @typedef {object} Load
 * @property {number} milliseconds
 * @property {boolean} [short] a connection for each request
 * @property {boolean} [posts] 1 KB of JSON with each request
 * @property {number} [connections] how many ask
 * @property {string} [address] what they ask for
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
  const requests = answered(report);
  const [, perSecond] = /Requests\/sec:\s+([\d.]+)/.exec(report) ?? [];
  if (requests > 0) return { requests, perSecond: Number(perSecond) };
  if (wanted.milliseconds >= LONGEST) throw new Error(`wrk was not answered: ${report}`);
  return load(port, { ...wanted, milliseconds: Math.min(LONGEST, wanted.milliseconds * 5) });
}

/** How many requests. @param {string} report */
function answered(report) {
  const [, requests] = /(\d+) requests in/.exec(report) ?? [];
  if (requests === undefined || /Non-2xx|Socket errors/.test(report)) {
    throw new Error(`wrk was not answered well: ${report}`);
  }
  return Number(requests);
}

/**
 * Loads when it is let go, until it is told to end.
 *
 * @param {number} port
 * @param {Omit<Load, 'milliseconds'>} wanted
 */
export function haltedLoad(port, wanted) {
  // Who is halted answers late.
  const child = wrk(port, wanted, ['--timeout', '600s']);
  const report = text(child.stdout);
  const signal = (/** @type {NodeJS.Signals} */ name) => signalGroup(Number(child.pid), name);
  signal('SIGSTOP');
  return {
    signal,
    /** Lets it go for the last time. Tells how many requests were answered. */
    async end() {
      signal('SIGCONT');
      // It hears of it only by its main thread, and one that has just been halted may get a signal by another.
      const again = setInterval(signal, 10, 'SIGINT');
      signal('SIGINT');
      const said = await report;
      clearInterval(again);
      return answered(said);
    },
  };
}

/**
 * How long clients waited, in milliseconds.
 *
 * @typedef {{ p50: number, p90: number, p99: number, p999: number }} Percentiles
 */

/**
 * @param {number} port
 * @param {Load} wanted
 * @returns {Promise<Percentiles>}
 */
export async function percentilesOf(port, wanted) {
  const report = await reported(port, wanted, ['-s', String(latency)]);
  const found = /percentiles (\d+) (\d+) (\d+) (\d+)/
    .exec(report)
    ?.slice(1)
    .map((us) => Number(us) / 1000);
  if (!found?.[0] || /Non-2xx|Socket errors/.test(report))
    throw new Error(`wrk was not answered well: ${report}`);
  const [p50 = 0, p90 = 0, p99 = 0, p999 = 0] = found;
  return { p50, p90, p99, p999 };
}

/**
 * Loads until it is told to end, and counts what was not answered well.
 *
 * @param {number} port
 */
export function lossesOf(port) {
  const child = wrk(port, {});
  const report = text(child.stdout);
  return {
    /** @returns {Promise<number>} */
    async end() {
      child.kill('SIGINT');
      const said = await report;
      if (!/requests in/.test(said)) throw new Error(`wrk does not report: ${said}`);
      const errors =
        /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(said)?.slice(1) ?? [];
      const others = /Non-2xx or 3xx responses: (\d+)/.exec(said)?.slice(1) ?? [];
      return [...errors, ...others].reduce((sum, count) => sum + Number(count), 0);
    },
  };
}

/**
 * @param {number} port
 * @param {Omit<Load, 'milliseconds'>} wanted
 * @param {string[]} [more] arguments of wrk
 */
function wrk(port, { connections = CONNECTIONS, address = '/hello/wrk', short, posts }, more = []) {
  const header = short ? ['-H', 'Connection: close'] : [];
  const script = posts ? ['-s', String(post)] : [];
  const url = `http://127.0.0.1:${port}${address}`;
  return spawnGroup('wrk', ['-t1', `-c${connections}`, '-d600s', ...header, ...script, ...more, url]);
}

/**
 * @param {number} port
 * @param {Load} wanted
 * @param {string[]} [more] arguments of wrk
 */
async function reported(port, wanted, more) {
  const child = wrk(port, wanted, more);
  // It counts whole seconds only. This ends it earlier, and it reports what there was until then.
  const timer = setTimeout(() => child.kill('SIGINT'), wanted.milliseconds);
  const report = await text(child.stdout);
  clearTimeout(timer);
  return report;
}
