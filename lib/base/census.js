/**
 * The scopes of requests in this process, over all server scopes, and the second tiers of caches, for whoever shows how a process
 * does. The makers of these are floors of their own, which those who show figures do not know: all know this place.
 */

/**
 * What a server scope knows of its scopes.
 *
 * @typedef {{ size: number, forked: number, disposed: number }} Counted
 */

/** Each with what was last seen of it: one that is collected is not to take its counts with it. */
/** @type {Set<{ ref: WeakRef<Counted>, forked: number, evicted: number }>} */
const all = new Set();
const gone = { forked: 0, evicted: 0 };

/** @param {Counted} counted */
function countScopes(counted) {
  all.add({ ref: new WeakRef(counted), forked: 0, evicted: 0 });
}

/** How many are active, and how many were forked and evicted since the beginning. */
function scopes() {
  const sum = { active: 0, ...gone };
  for (const each of all) {
    const counted = each.ref.deref();
    if (counted) {
      each.forked = counted.forked;
      each.evicted = counted.forked - counted.disposed - counted.size;
      sum.active += counted.size;
    } else {
      all.delete(each);
      gone.forked += each.forked;
      gone.evicted += each.evicted;
    }
    sum.forked += each.forked;
    sum.evicted += each.evicted;
  }
  return sum;
}

/** What a process has of one server of Redis. @typedef {{ memory: number, redis: number, misses: number, alone: number, invalidations: number, epochs: number, away: number, unverifiedMs: number }} TierCounts */

/** They last as long as the process. @type {(() => TierCounts)[]} */
const allTiers = [];

/** @param {() => TierCounts} counts */
function countTier(counts) {
  allTiers.push(counts);
}

/** Over all servers; of the times, the longest. @returns {TierCounts} */
function tiers() {
  const sum = {
    ...{ memory: 0, redis: 0, misses: 0, alone: 0 },
    ...{ invalidations: 0, epochs: 0, away: 0, unverifiedMs: 0 },
  };
  for (const counts of allTiers) {
    const { unverifiedMs, ...counted } = counts();
    for (const [name, count] of Object.entries(counted)) sum[/** @type {keyof TierCounts} */ (name)] += count;
    sum.unverifiedMs = Math.max(sum.unverifiedMs, unverifiedMs);
  }
  return sum;
}

module.exports = { countScopes, countTier, scopes, tiers };
