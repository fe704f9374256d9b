/**
 * What a signal is in a scope: a cell with the scope's own value, or a view of the nearest value above.
 *
 * Cells are the scope's state. A view is only a place to hang dependencies on: it is made when a computed or an
 * effect reads a signal that the scope has no value of, and it looks the nearest value up again whenever
 * something may have changed. While no effect watches it, no other scope and no signal knows it.
 */

/** @import * as Shape from './shapes.d.ts' */

const {
  LIVE,
  Link,
  NOTIFIED,
  OUTDATED,
  Source,
  appendTarget,
  graph,
  notify,
  removeTarget,
} = require('./graph.js');

class Cell extends Source {
  /**
   * @param {Shape.Signal} signal
   * @param {any} value
   */
  constructor(signal, value) {
    super(value);
    this.signal = signal;
    /** @type {Cell | null} the next one of the scope */
    this.next = null;
  }
}

class View extends Source {
  /**
   * @param {Shape.Scope} scope
   * @param {Shape.Signal} signal
   */
  constructor(scope, signal) {
    super(undefined);
    this.scope = scope;
    this.signal = signal;
    this.flags = OUTDATED;
    /** `graph.epoch` when this was last known to be right. */
    this.checked = 0;
    /** @type {Cell | Shape.Signal | null} where the value comes from */
    this.provider = null;
    this.providerVersion = 0;
    /** @type {Shape.Link | null} to the provider, while live */
    this.link = null;
  }

  /** @override */
  refresh() {
    if ((this.flags & (LIVE | OUTDATED)) === LIVE) return;
    if (this.checked !== graph.epoch) {
      const provider = this.scope.provider(this.signal);
      provider.refresh();
      if (provider.seen === 0) provider.seen = -1;
      if (provider !== this.provider) this.turnTo(provider);
      else if (provider.version !== this.providerVersion) this.version++;
      this.providerVersion = provider.version;
      this.value = provider.value;
      this.checked = graph.epoch;
    }
    this.flags &= ~(OUTDATED | NOTIFIED);
  }

  /** @param {Cell | Shape.Signal} provider */
  turnTo(provider) {
    if (this.version === 0 || !this.signal.isEqual(this.value, provider.value)) this.version++;
    if (this.link !== null) {
      this.link.source.detach(this.link);
      this.link = new Link(provider, this, 0, null);
      provider.attach(this.link);
    }
    this.provider = provider;
  }

  /**
   * @override
   * @param {Shape.Link} link
   */
  attach(link) {
    appendTarget(this, link);
    if ((this.flags & LIVE) !== 0) return;
    this.flags |= LIVE | OUTDATED;
    const provider = this.provider ?? this.scope.provider(this.signal);
    this.link = new Link(provider, this, 0, null);
    provider.attach(this.link);
    this.scope.registerView(this);
  }

  /**
   * @override
   * @param {Shape.Link} link
   */
  detach(link) {
    removeTarget(this, link);
    if (this.firstTarget !== null || this.link === null) return;
    this.flags &= ~(LIVE | NOTIFIED);
    this.link.source.detach(this.link);
    this.link = null;
    this.scope.unregisterView(this);
  }

  /** A scope between this one and the provider has got a value: all that reads here looks again. */
  invalidate() {
    if ((this.flags & NOTIFIED) !== 0) return;
    this.flags |= NOTIFIED | OUTDATED;
    notify(this);
  }
}

module.exports = { Cell, View };
