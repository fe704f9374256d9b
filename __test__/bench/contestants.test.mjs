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
