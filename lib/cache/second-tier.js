/**
 * What the stores know of the second tier of a cache: the tier itself, and the keys of the whole fleet, which no method of the
 * cache gives.
 */

/** @typedef {{ tier: any, keys: () => Promise<any[]> }} SecondTier */

/** @type {WeakMap<object, SecondTier>} */
const known = new WeakMap();

/** @param {object} cache @param {SecondTier} tier */
function keepSecondTier(cache, tier) {
  known.set(cache, tier);
}

/** Nothing where a cache has none. @param {object} cache */
const secondTierOf = (cache) => known.get(cache);

module.exports = { keepSecondTier, secondTierOf };
