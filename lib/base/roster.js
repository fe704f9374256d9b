/**
 * Those who are there now, where many come and go: a set without what a `Set` costs there.
 *
 * A `Set` that has no room left makes a new table, and the old one refers to it. As soon as the garbage collector has moved
 * one dead table to the old generation, that keeps all later tables alive, with the members that each has had, until the old
 * generation is collected: what has come and gone meanwhile is copied twice. Here each member knows its place in an
 * array. When it goes, the last one gets its place, and nothing refers to it any more.
 *
 * The order of members is not kept. A member may be in one only of the rosters that share a place.
 */

/**
 * @template {object} T
 * @typedef {Roster<T>} Instance
 */

/** @template {object} T */
class Roster {
  /** As long as there ever were members: V8 leaves what `pop` takes out of an old array for its collector to find. @type {any[]} */
  #members = [];
  /** Where a member has its place. */
  #place;
  size = 0;

  /** @param {symbol} [place] shared with other rosters, if any */
  constructor(place = Symbol('place')) {
    this.#place = place;
  }

  /** @param {T} member */
  has(member) {
    return this.#at(member) >= 0;
  }

  /** @param {any} member in none of those that share its place */
  add(member) {
    if (this.has(member)) return;
    member[this.#place] = this.size;
    this.#members[this.size++] = member;
  }

  /** @param {any} member @returns {boolean} whether it was in it */
  delete(member) {
    const at = this.#at(member);
    if (at < 0) return false;
    const last = this.#members[--this.size];
    this.#members[at] = last;
    last[this.#place] = at;
    this.#members[this.size] = undefined;
    member[this.#place] = -1;
    return true;
  }

  /** Those who are in it when that begins, also where they go meanwhile. @returns {IterableIterator<T>} */
  [Symbol.iterator]() {
    return this.#members.slice(0, this.size).values();
  }

  /** @param {any} member @returns {number} below zero where it has none */
  #at(member) {
    const at = member[this.#place];
    return at >= 0 && this.#members[at] === member ? at : -1;
  }
}

module.exports = { Roster };
