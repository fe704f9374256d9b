import { once } from 'node:events';
import { createServer } from 'node:http';
import { expect, it, onTestFinished } from 'vitest';
import { sliced } from '../../bench/balancer/contestants.mjs';
import { startProgram } from '../../bench/balancer/programs.mjs';
import { slicedRound } from '../../bench/harness/slices.mjs';
import { isOnPath } from '../../scripts/programs.mjs';

it.runIf(isOnPath('wrk'))('loads a server for three rounds, and a new one for the next', async () => {
  let rounds = 0;
  /** @type {number[]} in which round each server was started */
  const started = [];
  const start = () => {
    started.push(rounds);
    return startProgram('alone', 'http');
  };
  const contestant = sliced(start, {}, true);
  onTestFinished(() => contestant.close());
  // A round in which nothing is answered, on a busy machine, is made again, and is one more.
  const counted = {
    ...contestant,
    begin() {
      rounds += 1;
      return contestant.begin();
    },
  };
  while (rounds < 4) await slicedRound([counted], { milliseconds: 200, seed: rounds, goOn() {} });
  expect(started.slice(0, 2)).toEqual([1, 4]);
});

/** How many connections a load has at most. */
const OF_ONE_LOAD = 64;

it.runIf(isOnPath('wrk'))(
  'has connections of a server end, and others come, before it measures',
  async () => {
    /** How many have ended that brought an answer: a load that has none is made again. */
    let ended = 0;
    const server = createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1');
    server.on('connection', (socket) => {
      socket.once('close', () => {
        if (socket.bytesWritten > 0) ended += 1;
      });
    });
    await once(server, 'listening');
    const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
    const contestant = sliced(async () => ({ port, pids: [], close: async () => {} }), {}, true);
    onTestFinished(async () => {
      await contestant.close();
      server.close();
    });
    await contestant.begin();
    await expect.poll(() => ended).toBeGreaterThan(OF_ONE_LOAD);
  },
);
