/** All namespaces of the segment as a live `Map`: `LRUCacheClustered.getAllCaches()`. In the primary only. */

const { brief, debug } = require('../base/debug.js');
const { createError } = require('../errors.js');
const { addon } = require('./native.js');
const { lookupNamespace } = require('./namespace.js');
const { SyncView } = require('./sync-view.js');
const { destroyByName } = require('./whole.js');

/** @typedef {InstanceType<typeof SyncView>} View */

const tell = debug('lru-cache-clustered-primary');

/** Views that someone still has, so that a namespace has one as long as it is looked at. @type {Map<string, WeakRef<View>>} */
const views = new Map();
/** @type {FinalizationRegistry<string>} */
const forgetting = new FinalizationRegistry((name) => {
  if (views.get(name)?.deref() === undefined) views.delete(name);
});

/**
 * @param {string} name
 * @returns {View | undefined} nothing where the namespace does not exist
 */
function viewOf(name) {
  if (typeof name !== 'string') return undefined;
  const namespace = lookupNamespace(name);
  if (namespace === undefined) return undefined;
  const known = views.get(name)?.deref();
  if (known !== undefined) return known;
  const view = new SyncView(namespace);
  views.set(name, new WeakRef(view));
  forgetting.register(view, name);
  return view;
}

/** @param {string} name */
function remove(name) {
  const removed = destroyByName(name);
  tell?.(removed ? 'removed' : 'did not find', brief(name));
  return removed;
}

/** Nothing is kept in the map itself: each question is put to the segment. */
class LiveCaches extends Map {
  /** @param {string} name */
  get(name) {
    return viewOf(name);
  }

  /** @param {string} name */
  has(name) {
    return addon.segmentNamespaces().includes(name);
  }

  get size() {
    return addon.segmentNamespaces().length;
  }

  /** @param {string} name */
  delete(name) {
    return typeof name === 'string' && remove(name);
  }

  clear() {
    for (const name of addon.segmentNamespaces()) remove(name);
  }

  /** @returns {never} */
  set() {
    throw createError('FLOTILLA_ERR_INVALID_ARGUMENT', [
      'a new cache',
      'made with "new LRUCacheClustered({ namespace })"',
      'put into the map of all caches',
    ]);
  }

  /** @returns {MapIterator<[string, View]>} */
  *entries() {
    for (const name of addon.segmentNamespaces()) {
      const view = viewOf(name);
      // Another process may have removed it meanwhile.
      if (view !== undefined) yield [name, view];
    }
  }

  /** @returns {MapIterator<string>} */
  *keys() {
    yield* addon.segmentNamespaces();
  }

  /** @returns {MapIterator<View>} */
  *values() {
    for (const [, view] of this.entries()) yield view;
  }

  /** @returns {MapIterator<[string, View]>} */
  [Symbol.iterator]() {
    return this.entries();
  }

  /**
   * @param {(view: any, name: any, map: Map<any, any>) => void} callback
   * @param {unknown} [self]
   */
  forEach(callback, self) {
    for (const [name, view] of this.entries()) callback.call(self, view, name, this);
  }
}

const allCaches = new LiveCaches();

module.exports = { allCaches, viewOf };
