// Visits to a server whose workers tell who they are: which worker answers, when it got the connection, and how long
// the answer took.

import { once } from 'node:events';
import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { startProgram } from './programs.mjs';

/**
 * @typedef {object} Visit
 * @property {number} pid of the worker that answered
 * @property {number} waited milliseconds from when the client was connected until a worker had the connection
 * @property {number} took milliseconds from when the worker had the connection to the answer
 */

/** The clock that all processes of the machine share. */
const now = () => Number(process.hrtime.bigint()) / 1e6;

/**
 * @param {number} port
 * @param {{ path?: string, agent?: http.Agent, headers?: Record<string, string> }} [options]
 * @returns {Promise<Visit>}
 */
export async function visit(port, { path = '/telling/', agent, headers } = {}) {
  const request = http.get({ host: '127.0.0.1', port, path, agent: agent ?? false, headers });
  let connected = now();
  request.once('socket', (socket) => {
    const note = () => {
      connected = now();
    };
    // One that stays is connected already.
    if (socket.connecting) socket.once('connect', note);
  });
  const [response] = await once(request, 'response');
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  const { pid, came } = JSON.parse(text);
  return { pid, waited: came - connected, took: now() - came };
}

/** An agent with one connection, which stays. */
export const keepAlive = () => new http.Agent({ keepAlive: true, maxSockets: 1 });

/**
 * Opens connections, each to stay, and tells how evenly they are spread over the workers.
 *
 * @param {string} way
 * @param {number} count
 */
export async function spread(way, count) {
  const { port, close } = await startProgram(way, 'telling');
  const round = async () => {
    const agents = Array.from({ length: count }, keepAlive);
    const visits = await Promise.all(agents.map((agent) => visit(port, { agent })));
    for (const agent of agents) agent.destroy();
    const workers = [...new Set(visits.map(({ pid }) => pid))];
    const counts = workers.map((worker) => visits.filter(({ pid }) => pid === worker).length);
    // One that got none counts as well.
    return variation(counts.length < 2 ? [...counts, 0] : counts);
  };
  return { round, close };
}

/** @param {number[]} counts */
function variation(counts) {
  const mean = counts.reduce((sum, count) => sum + count) / counts.length;
  const squares = counts.map((count) => (count - mean) ** 2);
  return Math.sqrt(squares.reduce((sum, square) => sum + square) / counts.length) / mean;
}

/**
 * Visits come one after the other, each over a connection of its own, while one of two workers works for 300 ms of
 * every second, or does not.
 *
 * @param {boolean} blocks
 * @param {(visits: Visit[], blocked: number) => number} figure
 * @param {import('../harness/types.d.ts').Context} context
 */
export async function besideBlocked(blocks, figure, { milliseconds, quick }) {
  const { port, close } = await startProgram('handoff', 'telling');
  const { pid } = await visit(port, { path: blocks ? '/telling/block/300' : '/telling/' });
  const until = quick ? 1000 : milliseconds;
  const round = async () => {
    const end = now() + until;
    const visits = [];
    for (; now() < end; await pause(6)) visits.push(visit(port));
    return figure(await Promise.all(visits), pid);
  };
  return { round, close };
}

/**
 * Eight connections that stay, whose requests take a worker 5 ms each, and what is answered in the second second.
 *
 * @param {boolean} together whether all of them are with one worker at first
 * @param {import('../harness/types.d.ts').Context} context
 */
export async function moving(together, { quick }) {
  const { port, close } = await startProgram('handoff', 'telling', { rebalance: true, asks: true });
  const [first, second] = quick ? [300, 200] : [1000, 1000];
  const round = async () => {
    const agents = Array.from({ length: 8 }, keepAlive);
    await Promise.all(
      agents.map((agent, index) =>
        visit(port, { agent, headers: { 'x-worker': String(together ? 0 : index) } }),
      ),
    );
    const begin = now() + first;
    const end = begin + second;
    let answered = 0;
    const client = async (/** @type {http.Agent} */ agent) => {
      while (now() < end) {
        await visit(port, { path: '/telling/compute/5', agent });
        if (now() >= begin && now() < end) answered += 1;
      }
      agent.destroy();
    };
    await Promise.all(agents.map(client));
    return (answered * 1000) / second;
  };
  return { round, close };
}
