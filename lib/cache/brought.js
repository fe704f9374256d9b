/**
 * What a fetcher of this library's own may bring: a value that says itself how it is to be kept, because that is known only
 * when it is there. Fetchers of users bring values alone.
 */

/** @typedef {{ ttl?: number, size?: number, tags?: readonly string[], negativeTtl?: number }} Keeping */

class Brought {
  /**
   * @param {any} value
   * @param {Keeping} how what is left out, the call has said
   * @param {boolean} [keeps] whether it is stored; those who follow get it either way
   */
  constructor(value, how, keeps = true) {
    this.value = value;
    this.how = how;
    this.keeps = keeps;
  }
}

module.exports = { Brought };
