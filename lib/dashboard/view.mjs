/** A status as a page: its servers with their workers, and the cache. What changes is changed in place. */

import { Chart } from './chart.mjs';
import { Figures, h, List, say } from './elements.mjs';
import { bytes, count, percent, rate, time } from './format.mjs';

/** From here on an event loop counts as blocked, and as busy. */
const BLOCKED_MS = 500;
const BUSY = 0.8;

/** @typedef {(action: string, given: object) => Promise<void>} Act what asks the server to do something */

/** @param {any} badge @param {string} text @param {string} kind */
function showBadge(badge, text, kind) {
  say(badge, text);
  badge.className = `badge ${kind}`;
}

/** @param {string} text @param {string} kind @param {() => Promise<void>} act */
function button(text, kind, act) {
  const element = h('button', { type: 'button', ...(kind && { class: kind }) }, text);
  element.addEventListener('click', async () => {
    element.disabled = true;
    try {
      await act();
    } finally {
      element.disabled = false;
    }
  });
  return element;
}

/** A share as a bar, with its value for those who do not see it. */
class Bar {
  #fill = h('div');

  /** @param {string} name */
  constructor(name) {
    const attributes = {
      class: 'bar',
      role: 'meter',
      'aria-label': name,
      'aria-valuemin': 0,
      'aria-valuemax': 100,
    };
    this.element = h('div', { ...attributes, 'aria-valuenow': 0 }, this.#fill);
  }

  /** @param {number} share @param {string} [kind] */
  show(share, kind = '') {
    const value = Math.round(Math.min(Math.max(share || 0, 0), 1) * 100);
    this.element.setAttribute('aria-valuenow', String(value));
    this.element.setAttribute('aria-valuetext', percent(share));
    this.element.className = `bar ${kind}`;
    this.#fill.style.width = `${value}%`;
  }
}

const ofWorker = ['In flight', 'p99', 'Loop lag', 'CPU', 'Memory', 'GC', 'Connections', 'Scopes'];

class WorkerCard {
  #badge = h('span', { class: 'badge' });
  #rate = h('span');
  #bar;
  #figures = new Figures('figures', ofWorker);

  /** @param {any} worker @param {Act} [act] */
  constructor({ id, pid }, act) {
    this.#bar = new Bar(`Event loop of ${id} at work`);
    this.element = h(
      'article',
      { class: 'card' },
      h('header', {}, h('h3', {}, id), this.#badge),
      h('p', { class: 'big' }, this.#rate, ' ', h('small', {}, `process ${pid}`)),
      this.#bar.element,
      this.#figures.element,
    );
    if (!act) return;
    const kill = button(`Kill ${id}`, 'danger', () => act('kill', { worker: id }));
    this.element.append(kill);
  }

  /** @param {any} worker */
  show({ state, alive, requests, rates, latency, loop, cpuSeconds, memory, gc, connections, scopes }) {
    const blocked = loop?.blockedMs > BLOCKED_MS;
    if (blocked) showBadge(this.#badge, `blocked for ${time(loop.blockedMs)}`, 'bad');
    else showBadge(this.#badge, alive === false ? 'dead' : state, state === 'ready' ? 'good' : 'warn');
    say(this.#rate, requests ? rate(rates?.requestsPerSecond) : '–');
    const share = blocked ? 1 : loop?.utilization;
    this.#bar.show(share, blocked ? 'bad' : share > BUSY ? 'warn' : '');
    this.#figures.show({
      'In flight': count(requests?.inFlight),
      p99: time(latency?.p99Ms),
      'Loop lag': time(loop?.lagMs),
      CPU: percent(rates?.cpuPercent / 100),
      Memory: bytes(memory?.residentBytes),
      GC: cpuSeconds > 0 ? `${percent(gc?.seconds / cpuSeconds)} of CPU` : '–',
      Connections: count(connections?.open),
      Scopes: count(scopes?.active),
    });
  }
}

const ofServer = ['Requests', 'p50', 'p99', 'In flight', 'Server errors', 'Connections'];
const ofFront = ['Accepted', 'Moved', 'Adopted', 'Taken back', 'Failed', 'Held'];
const aboutFront =
  'Moved: between two requests, to another worker. Adopted: gone on after the death of their worker. Taken back: given to a worker ' +
  'that did not take them in time. Held: now, by the primary as well, so that they outlive their worker.';
const aboutCache =
  'From copies: hits that a process answered from its own memory. Flights: fetches that ran. Followed: callers that waited for the ' +
  'fetch of another.';

class ServerView {
  #badge = h('span', { class: 'badge' });
  #about = h('p');
  #tiles = new Figures('tiles', ofServer);
  #requests = new Chart('Requests per second', ['Requests'], rate);
  #latency = new Chart('Latency over 10 seconds', ['p50', 'p99'], time);
  #front = new Figures('tiles', ofFront);
  #frontSection;
  #ends = h('p');
  #workers;

  /** @param {any} server @param {Act} [act] */
  constructor({ name, workers }, act) {
    const ask =
      act &&
      ((/** @type {string} */ action, /** @type {object} */ given) =>
        act(action, { server: name, ...given }));
    const cards = h('div', { class: 'cards' });
    this.#workers = new List(cards, (worker) => new WorkerCard(worker, ask));
    const heading = h('div', { class: 'heading' }, h('h2', {}, name), this.#badge, this.#about);
    if (ask) heading.append(actionsOf(ask, name, workers.length));
    const charts = h('div', { class: 'charts' }, this.#requests.element, this.#latency.element);
    this.#frontSection = section('Connections', this.#front.element, h('p', { class: 'note' }, aboutFront));
    this.element = h(
      'div',
      { class: 'server' },
      h('section', { 'aria-label': name }, heading, this.#tiles.element, charts),
      section('Workers', cards, this.#ends),
      this.#frontSection,
    );
  }

  /** @param {any} server @param {any} before as it was a moment ago */
  show(server, before) {
    const { state, ready, address, generation, workers, recent, requests, connections, at } = server;
    showBadge(this.#badge, state, ready ? 'good' : 'warn');
    const many = workers.length === 1 ? '1 worker' : `${workers.length} workers`;
    say(this.#about, `${address}, ${many}, generation ${generation}`);
    const inFlight = sum(workers, (worker) => worker.requests?.inFlight);
    const perSecond = perSecondOf(server, before, ({ requests }) => requests.total);
    const errors = perSecondOf(server, before, ({ requests }) => requests.statuses['5xx']);
    this.#tiles.show({
      Requests: rate(perSecond),
      p50: time(recent?.p50Ms),
      p99: time(recent?.p99Ms),
      'In flight': count(inFlight),
      'Server errors': rate(errors),
      Connections: count(sum(workers, (worker) => worker.connections?.open)),
    });
    if (before) {
      this.#requests.add(at, [perSecond]);
      this.#latency.add(at, [recent?.p50Ms ?? Number.NaN, recent?.p99Ms ?? Number.NaN]);
    }
    const shown = workers.map((/** @type {any} */ worker) => [`${worker.seat} ${worker.pid}`, worker]);
    this.#workers.show(shown);
    say(this.#ends, endsText(server, requests));
    this.#frontSection.hidden = connections === null;
    if (connections) this.#showFront(connections);
  }

  /** @param {any} connections */
  #showFront({ accepted, moved, adopted, takenBack, failed, held }) {
    this.#front.show({
      Accepted: count(accepted),
      Moved: count(moved),
      Adopted: count(adopted),
      'Taken back': count(takenBack),
      Failed: count(failed),
      Held: count(held),
    });
  }
}

/** @param {any} server @param {any} requests */
function endsText({ ends, restarts, lastAction }, requests) {
  const causes = Object.entries(ends).map(([cause, times]) => `${cause}: ${times}`);
  const texts = [
    `${count(requests.total)} requests answered, ${count(requests.aborted)} aborted.`,
    `Restarts: ${restarts.succeeded} done, ${restarts.failed} failed.`,
    causes.length > 0 ? `Workers ended by ${causes.join(', ')}.` : 'No worker has ended.',
  ];
  if (lastAction) texts.push(`Last action: ${lastAction.name}, ${lastAction.error ?? lastAction.outcome}.`);
  return texts.join(' ');
}

/** @param {Act} ask @param {string} server @param {number} workers that there are */
function actionsOf(ask, server, workers) {
  const id = `workers-of-${server}`;
  const wanted = h('input', { id, type: 'number', min: 1, max: 512, value: workers });
  return h(
    'div',
    { class: 'actions' },
    h('label', { for: id }, 'Workers'),
    wanted,
    button('Scale', '', () => ask('scale', { workers: Number(wanted.value) })),
    button('Restart', '', () => ask('restart', {})),
  );
}

const columns = [
  'Hit rate',
  'From copies',
  'Operations',
  'Entries',
  'Memory',
  'Evictions',
  'Flights',
  'Followed',
  'Lock waits',
];

/** One row of the cache's table. */
class NamespaceRow {
  #cells = columns.map((name) => h('td', { 'data-name': name }, '–'));

  /** @param {any} namespace */
  constructor({ name }) {
    this.element = h('tr', {}, h('th', { scope: 'row' }, name), ...this.#cells);
  }

  /** @param {any} namespace @param {any} before as it was a moment ago */
  show(namespace, before) {
    const { hits, misses, copyHits, entries, heldBytes, evictions, memoryEvictions } = namespace;
    const { flightsLed, flightsFollowed, lockWaits } = namespace;
    const operations = perSecondOf(
      namespace,
      before,
      (/** @type {any} */ each) => each.hits + each.misses + each.sets + each.deletes,
    );
    const texts = [
      percent(hits / (hits + misses)),
      percent(copyHits / hits),
      rate(operations),
      count(entries),
      bytes(heldBytes),
      count(evictions + memoryEvictions),
      count(flightsLed),
      count(flightsFollowed),
      count(lockWaits),
    ];
    for (const [at, text] of texts.entries()) say(this.#cells[at], text);
  }
}

class CacheView {
  #bar = new Bar('Memory of the cache in use');
  #about = h('p');
  #rows;

  constructor() {
    const head = h('tr', {}, ...['Namespace', ...columns].map((name) => h('th', { scope: 'col' }, name)));
    const body = h('tbody');
    this.#rows = new List(body, (namespace) => new NamespaceRow(namespace));
    const table = h(
      'table',
      {},
      h('caption', { class: 'hidden' }, 'Namespaces of the cache'),
      h('thead', {}, head),
      body,
    );
    const region = { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Namespaces of the cache' };
    const note = h('p', { class: 'note' }, aboutCache);
    this.element = section('Cache', this.#about, this.#bar.element, h('div', region, table), note);
  }

  /** @param {any} cache @param {number} at */
  show(cache, at) {
    this.element.hidden = !cache || cache.namespaces.length === 0;
    if (this.element.hidden) return;
    const { capacityBytes, freeBytes, recoveries } = cache.segment;
    const used = capacityBytes - freeBytes;
    const broken = recoveries > 0 ? `, ${count(recoveries)} namespaces cleared` : '';
    say(this.#about, `${bytes(used)} of ${bytes(capacityBytes)} in use${broken}`);
    this.#bar.show(used / capacityBytes);
    this.#rows.show(cache.namespaces.map((/** @type {any} */ each) => [each.name, { ...each, at }]));
  }
}

/** @param {string} title @param {Element[]} children */
function section(title, ...children) {
  return h('section', {}, h('div', { class: 'heading' }, h('h2', {}, title)), ...children);
}

/**
 * How fast a count grows.
 *
 * @param {any} now
 * @param {any} before
 * @param {(each: any) => number} countOf
 */
function perSecondOf(now, before, countOf) {
  if (!before || now.at <= before.at) return Number.NaN;
  return Math.max(0, countOf(now) - countOf(before)) / ((now.at - before.at) / 1000);
}

/** @param {any[]} all @param {(each: any) => number | undefined} figure */
const sum = (all, figure) => all.reduce((total, each) => total + (figure(each) ?? 0), 0);

/** The whole of a status. */
export class View {
  #servers;
  #cache = new CacheView();

  /**
   * @param {Element} root
   * @param {Act} [act] where something can be done
   */
  constructor(root, act) {
    const servers = h('div');
    this.#servers = new List(servers, (server) => new ServerView(server, act));
    root.append(servers, this.#cache.element);
  }

  /** @param {any} status */
  show({ servers, cache, at }) {
    this.#servers.show(servers.map((/** @type {any} */ server) => [server.name, { ...server, at }]));
    this.#cache.show(cache, at);
  }
}
