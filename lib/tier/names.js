/**
 * The names that a cache has in Redis.
 *
 * What a cache stores lies under `<prefix><namespace>:`, which the server tells of each change of. Beside it lies, under
 * `<prefix><namespace>@`, what nobody has to hear of: locks and the versions of tags. A namespace is written so that none
 * of these signs stands in it.
 *
 *     shop:users:k=ada        an entry, whose key is the text "ada"
 *     shop:users:x=red        a note that the tag "red" is invalid, gone after a moment
 *     shop:users:c            a note that the cache was cleared
 *     shop:users@l=k=ada      the lock of who fetches that entry
 *     shop:users@t=red        the version of a tag
 *     shop:users@e            a version that each invalidation of tags changes
 *
 * In a Redis Cluster what one step takes lies on one node: an entry beside its lock, and all versions of tags together. After
 * the first sign stands in braces what says which: `shop:users:{5d1c}k=ada`, `shop:users@{5d1c}l=k=ada`, `shop:users@{t}t=red`.
 */

/** How the type of a key is written. */
const letters = /** @type {Record<string, string>} */ ({
  number: 'n',
  boolean: 'b',
  bigint: 'i',
});
/** A text that UTF-8 cannot hold. */
const ODD = 'w';

/** @param {any} key one that a cache takes */
function keyText(key) {
  if (typeof key !== 'string') return `${letters[typeof key]}=${key}`;
  // Node 20 has it, the types of its day do not.
  return /** @type {any} */ (key).isWellFormed()
    ? `k=${key}`
    : `${ODD}=${Buffer.from(key, 'utf16le').toString('hex')}`;
}

/** One of 65,536, over which the entries of a cache lie spread. @param {string} text */
function share(text) {
  let sum = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193);
  return `{${((sum ^ (sum >>> 16)) & 0xffff).toString(16).padStart(4, '0')}}`;
}
const ANY_SHARE = '{????}';
const OF_TAGS = '{t}';

/** Whether all names of a cache that begin so can lie where they have to, in a Redis Cluster. @param {string} prefix */
const isSpreadable = (prefix) => !prefix.includes('{') || /^[^{]*\{[^}]+\}/.test(prefix);

/** @type {Record<string, (text: string) => any>} */
const readers = {
  k: (text) => text,
  n: Number,
  b: (text) => text === 'true',
  i: BigInt,
  [ODD]: (text) => Buffer.from(text, 'hex').toString('utf16le'),
};

/** Of a pattern of Redis, what stands for itself. @param {string} text */
const escaped = (text) => text.replaceAll(/[\\*?[\]]/g, '\\$&');

class Names {
  #isSpread;
  #ofTags;

  /** @param {string} prefix @param {string} namespace @param {boolean} isSpread over the nodes of a Redis Cluster */
  constructor(prefix, namespace, isSpread) {
    this.#isSpread = isSpread;
    this.#ofTags = isSpread ? OF_TAGS : '';
    const share = isSpread ? ANY_SHARE : '';
    const base = prefix + encodeURIComponent(namespace);
    /** What the server is asked to tell of. */
    this.told = `${base}:`;
    this.beside = `${base}@`;
    this.cleared = `${this.told}${this.#ofTags}c`;
    this.epoch = `${this.beside}${this.#ofTags}e`;
    /** What looks for all entries, and for all locks. */
    this.entries = `${escaped(this.told)}${share}?=*`;
    this.locks = `${escaped(this.beside)}${share}l=*`;
  }

  /** @param {any} key */
  entry(key) {
    const text = keyText(key);
    return this.#isSpread ? this.told + share(text) + text : this.told + text;
  }

  /** @param {any} key */
  lock(key) {
    const text = keyText(key);
    return `${this.beside}${this.#isSpread ? share(text) : ''}l=${text}`;
  }

  /** @param {string} tag */
  tag(tag) {
    return `${this.beside}${this.#ofTags}t=${tag}`;
  }

  /** @param {string} tag */
  invalid(tag) {
    return `${this.told}${this.#ofTags}x=${tag}`;
  }

  /**
   * What a changed name says.
   *
   * @param {string} name
   * @returns {{ key: any } | { tag: string } | { all: true } | undefined} nothing where it is none of ours
   */
  read(name) {
    if (!name.startsWith(this.told)) return undefined;
    const said = name.slice(this.#isSpread ? name.indexOf('}', this.told.length) + 1 : this.told.length);
    if (said === 'c') return { all: true };
    if (said[1] !== '=') return undefined;
    const text = said.slice(2);
    if (said[0] === 'x') return { tag: text };
    try {
      const read = readers[said[0]];
      return read && { key: read(text) };
    } catch {
      // Somebody else's: no number of ours is written so.
      return undefined;
    }
  }
}

module.exports = { Names, isSpreadable };
