// The yardstick of the suite `scopes`: a server scope whose manager is plain JavaScript, a `Map` and a doubly linked
// list with sentinels, on the same signals core and with a monotonic clock too.

import scopes from '../../lib/signals/scope.js';

const { Scope } = scopes;

class MapScope extends Scope {
  /**
   * @param {MapServerScope | null} server
   * @param {string} id
   */
  constructor(server, id) {
    super(server);
    this.id = id;
    this.usedAt = 0;
    /** @type {MapScope} */
    this.newer = this;
    /** @type {MapScope} */
    this.older = this;
  }
}

export class MapServerScope extends Scope {
  /** @param {{ ttl?: number, maxEntries?: number, onEvict?: (id: string) => void }} options */
  constructor({ ttl = 300_000, maxEntries = 10_000, onEvict }) {
    super(null);
    this.ttl = ttl;
    this.maxEntries = maxEntries;
    this.onEvict = onEvict;
    /** @type {Map<string, MapScope>} */
    this.byId = new Map();
    this.forked = 0;
    this.newest = new MapScope(null, '');
    this.oldest = new MapScope(null, '');
    this.newest.older = this.oldest;
    this.oldest.newer = this.newest;
  }

  /** @override */
  fork() {
    const now = performance.now();
    while (this.byId.size > 0 && now - this.oldest.newer.usedAt > this.ttl) this.evict(this.oldest.newer);
    if (this.byId.size >= this.maxEntries) this.evict(this.oldest.newer);
    const scope = new MapScope(this, `ss_${this.forked++}`);
    scope.usedAt = now;
    this.link(scope);
    this.byId.set(scope.id, scope);
    return scope;
  }

  /** @param {string} id */
  dispose(id) {
    const scope = this.byId.get(id);
    if (scope === undefined) return false;
    this.evict(scope);
    return true;
  }

  /** @param {MapScope} scope */
  evict(scope) {
    scope.newer.older = scope.older;
    scope.older.newer = scope.newer;
    this.byId.delete(scope.id);
    if (scope.extra !== null) scope.endEffects([]);
    this.onEvict?.(scope.id);
  }

  /** @param {MapScope} scope */
  link(scope) {
    const next = this.newest.older;
    scope.newer = this.newest;
    scope.older = next;
    next.newer = scope;
    this.newest.older = scope;
  }
}
