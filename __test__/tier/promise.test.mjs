// The promise of a fleet, as `docs/fleet.md` has it, under what may happen to it. `npm run test:fleet -- <minutes>` looks for longer.

import { describe, expect, it } from 'vitest';
import { check, judge } from '../fixtures/tier-checker.mjs';

const minutes = Number(process.env.FLEET_MINUTES ?? 0);
const time = minutes > 0 ? minutes * 60_000 : 5000;

describe('no read of a fleet is older than a write that had ended', () => {
  it.each(['ioredis', 'redis'])(
    'on the same machine, and on others by no more than the bound, with %s',
    async (kind) => {
      const { broken, reads } = await check({ time, kind });
      expect(broken.slice(0, 5)).toEqual([]);
      expect(reads).toBeGreaterThan(500);
    },
    time + 60_000,
  );

  it('as a judge sees it who knows what is too late', () => {
    const write = /** @type {any} */ ([1, 'write', 0, 10, 5]);
    const read = (/** @type {number} */ begin, /** @type {number} */ version) =>
      /** @type {any} */ ([1, 'read', begin, begin + 1, version]);
    expect(judge([[[write, read(11, 5), read(9, 4)]], [[read(20, 4), read(5000, 6)]]])).toEqual([]);
    expect(judge([[[write, read(11, 4)]]])).toHaveLength(1);
    expect(judge([[[write]], [[read(5000, 4)]]])).toHaveLength(1);
  });
});
