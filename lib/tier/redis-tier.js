/**
 * `redisTier`: Redis or Valkey as the second tier of a cache, for all machines of a fleet.
 */

/** @import { CacheOptions, RedisTierOptions } from '../../index.js' */

const { checkNames } = require('../cache/option-names.js');
const { invalid } = require('../cache/invalid.js');
const { readClient } = require('./client.js');
const { linkTo } = require('./link.js');
const { isSpreadable } = require('./names.js');

const names = ['client', 'prefix', 'ttl', 'whenAway', 'serveFor', 'timeout', 'pingInterval'];
const waysWhenAway = ['serve', 'miss', 'reject'];
const SERVE_FOR = 60_000;

/** @param {string} name @param {unknown} value @param {number} least */
function checkTime(name, value, least) {
  if (typeof value === 'number' && value >= least) return;
  throw invalid(name, `a number of milliseconds, ${least} or more`, value);
}

/** @param {string} prefix */
function checkPrefix(prefix) {
  if (typeof prefix !== 'string') throw invalid('prefix', 'a string', prefix);
  if (/\p{Surrogate}/u.test(prefix)) throw invalid('prefix', 'a string without lone surrogates', prefix);
}

class Tier {
  /** @param {RedisTierOptions} options */
  constructor(options) {
    if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options);
    checkNames('redisTier', options, names);
    const { client, prefix = 'flotilla:', ttl, whenAway = 'serve', serveFor = SERVE_FOR } = options;
    const { timeout, pingInterval } = options;
    checkPrefix(prefix);
    if (ttl !== undefined) checkTime('ttl', ttl, 1);
    checkTime('serveFor', serveFor, 0);
    if (timeout !== undefined) checkTime('timeout', timeout, 1);
    if (pingInterval !== undefined) checkTime('pingInterval', pingInterval, 10);
    if (!waysWhenAway.includes(whenAway)) throw invalid('whenAway', "'serve', 'miss' or 'reject'", whenAway);
    const read = readClient(client);
    if (read.isCluster && !isSpreadable(prefix)) {
      throw invalid(
        'prefix',
        'without braces in a Redis Cluster, or with what is to lie on one node in a pair',
        prefix,
      );
    }
    this.prefix = prefix;
    this.ttl = ttl;
    this.whenAway = whenAway;
    this.serveFor = serveFor;
    this.link = linkTo(read, { timeout, pingInterval });
  }

  /** A cache over this tier. @param {CacheOptions} options */
  over(options) {
    const { TieredCache } = require('./tiered-cache.js');
    return new TieredCache(options, this);
  }
}

/** @param {RedisTierOptions} options @returns {any} */
const redisTier = (options) => new Tier(options);

module.exports = { Tier, redisTier };
