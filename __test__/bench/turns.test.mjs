import { expect, it } from 'vitest';
import { seededGenerator, turns } from '../../bench/harness/turns.mjs';

const contestants = ['a', 'b', 'c', 'd'];

it('gives every contestant exactly one turn in every round', () => {
  const orders = turns(contestants, 9, 1);
  expect(orders).toHaveLength(9);
  for (const order of orders) expect([...order].sort()).toEqual(contestants);
});

it('runs each second round backwards, so that a steady drift weighs on all alike', () => {
  const orders = turns(contestants, 20, 5);
  for (let round = 0; round < 20; round += 2) {
    expect(orders[round + 1]).toEqual([...(orders[round] ?? [])].reverse());
  }
  /** @type {Record<string, number>} */
  const costs = {};
  for (const [turn, id] of orders.flat().entries()) costs[id] = (costs[id] ?? 0) + turn;
  expect(new Set(Object.values(costs)).size).toBe(1);
});

it('lets each contestant begin about as often as the others', () => {
  const begun = turns(contestants, 4000, 3).map((order) => order[0]);
  for (const id of contestants) {
    const share = begun.filter((first) => first === id).length / 4000;
    expect(share).toBeGreaterThan(0.2);
    expect(share).toBeLessThan(0.3);
  }
});

it('repeats the order of the same seed and takes another for another', () => {
  expect(turns(contestants, 30, 7)).toEqual(turns(contestants, 30, 7));
  expect(turns(contestants, 30, 7)).not.toEqual(turns(contestants, 30, 8));
});

it('draws its numbers evenly from 0 up to 1', () => {
  const random = seededGenerator(42);
  const drawn = Array.from({ length: 10_000 }, random);
  expect(Math.min(...drawn)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...drawn)).toBeLessThan(1);
  for (let tenth = 0; tenth < 10; tenth++) {
    const share = drawn.filter((value) => Math.floor(value * 10) === tenth).length;
    expect(share).toBeGreaterThan(850);
    expect(share).toBeLessThan(1150);
  }
});
