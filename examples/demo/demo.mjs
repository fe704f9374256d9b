// The page of the demo: a visitor that asks and counts what it is answered, with buttons that are hard on the server. The
// figures are drawn by the code of the dashboard.

import { h, say } from '/dashboard/elements.mjs';
import { count, time } from '/dashboard/format.mjs';
import { View } from '/dashboard/view.mjs';

const SHOWN = 160;
const COLOURS = 8;
const LOAD_MS = 10_000;
const LOOPS = 6;

/** @param {string} id @returns {any} */
const at = (id) => document.getElementById(id);
const view = new View(at('view'));
const visits = { answered: 0, failed: 0, slowest: 0 };
/** @type {Map<number, number>} answers by worker */
const shares = new Map();
let status = { servers: [] };

/** @param {number} worker */
const colourOf = (worker) => `w${[...shares.keys()].indexOf(worker) % COLOURS}`;

/** @param {number | undefined} worker nothing where nobody answered */
function mark(worker) {
  at('who').append(h('i', { class: worker === undefined ? 'lost' : colourOf(worker) }));
  while (at('who').childElementCount > SHOWN) at('who').firstElementChild.remove();
}

function showVisits() {
  say(at('answered'), count(visits.answered));
  say(at('failed'), count(visits.failed));
  say(at('slowest'), visits.answered ? time(visits.slowest) : '–');
  const items = [...shares].map(([worker, answers]) =>
    h('li', {}, h('i', { class: colourOf(worker) }), `process ${worker}: ${count(answers)}`),
  );
  at('shares').replaceChildren(...items);
}

/** @param {string} path */
async function visit(path) {
  const begun = performance.now();
  try {
    const response = await fetch(path, { cache: 'no-store' });
    if (!response.ok) throw new Error(String(response.status));
    const { worker } = await response.json();
    visits.answered += 1;
    visits.slowest = Math.max(visits.slowest, performance.now() - begun);
    shares.set(worker, (shares.get(worker) ?? 0) + 1);
    mark(worker);
  } catch {
    visits.failed += 1;
    mark(undefined);
  }
}

/** @param {string} action @param {object} [body] */
async function ask(action, body = {}) {
  const asked = {
    method: 'POST',
    headers: { 'x-demo': '1', 'content-type': 'application/json' },
    body: JSON.stringify(body),
  };
  return (await fetch(`/do/${action}`, asked)).json();
}

/** What came of what was done, in one sentence: this is what the page is for. @param {{ answered: number, failed: number }} before */
function since({ answered, failed }) {
  const lost = visits.failed - failed;
  const nothing = lost === 0 ? 'none failed' : `${count(lost)} failed`;
  return `Meanwhile ${count(visits.answered - answered)} requests of this page were answered, ${nothing}.`;
}

/** @param {() => unknown} isOver */
async function visitUntil(isOver) {
  const loop = async (/** @type {number} */ number) => {
    for (let turn = number; !isOver(); turn++) await visit(turn % 3 ? '/who' : `/quote/${turn % 40}`);
  };
  await Promise.all(Array.from({ length: LOOPS }, (_, number) => loop(number)));
}

/** @param {any} server */
const readyWorkers = (server) =>
  server.workers.filter((/** @type {any} */ worker) => worker.state === 'ready');

/** Does something to the server while this page visits it, until that is over. @param {(server: any) => boolean} isOver */
async function underLoad(isOver) {
  const end = performance.now() + 20_000;
  let over = false;
  const watching = (async () => {
    while (!over && performance.now() < end) {
      await look();
      over = isOver(status.servers[0]);
    }
    over = true;
  })();
  await Promise.all([visitUntil(() => over), watching]);
}

const buttons = {
  async load() {
    const before = { ...visits };
    const end = performance.now() + LOAD_MS;
    say(at('happened'), 'This page asks as fast as it can, for ten seconds.');
    await visitUntil(() => performance.now() > end);
    return `Ten seconds of load are over. ${since(before)}`;
  },
  async burst() {
    say(at('happened'), '1,000 askers ask for the same value, which takes 200 ms to fetch.');
    const { askers, failed, fetches, answered } = await ask('burst');
    const workers = Object.keys(answered).length;
    return `${count(askers)} askers, answered by ${workers} workers: ${fetches === 1 ? 'one fetch' : `${fetches} fetches`}, ${failed} failed.`;
  },
  async count() {
    const raised = await Promise.all(Array.from({ length: 100 }, () => ask('count')));
    const value = Math.max(...raised.map((each) => each.value));
    say(at('clicks'), count(value));
    const workers = new Set(raised.map((each) => each.worker)).size;
    return `${workers === 1 ? 'One worker has' : `${workers} workers have`} raised one counter to ${count(value)}.`;
  },
  async restart() {
    const before = { ...visits };
    const generation = status.servers[0].generation;
    await ask('restart');
    say(at('happened'), 'New workers start beside the old ones.');
    await underLoad((server) => server.generation > generation && server.state === 'ready');
    const { moved } = status.servers[0].connections;
    return `All workers were replaced. ${since(before)} ${count(moved)} connections have moved so far.`;
  },
  async block() {
    const before = { ...visits };
    const { worker } = await ask('block');
    say(at('happened'), `Process ${worker} does nothing but count for a second.`);
    const end = performance.now() + 1500;
    await visitUntil(() => performance.now() > end);
    return `Process ${worker} was blocked for a second. ${since(before)}`;
  },
  async kill() {
    const before = { ...visits };
    const [victim] = readyWorkers(status.servers[0]);
    const wanted = readyWorkers(status.servers[0]).length;
    const kills = status.servers[0].ends.SIGKILL ?? 0;
    await ask('kill', { worker: victim.id });
    say(at('happened'), `${victim.id}, process ${victim.pid}, was killed.`);
    await underLoad((server) => server.ends.SIGKILL > kills && readyWorkers(server).length === wanted);
    return `${victim.id}, process ${victim.pid}, was killed, and another has its place. ${since(before)}`;
  },
};

for (const [name, act] of Object.entries(buttons)) {
  at(name).addEventListener('click', async () => {
    at(name).disabled = true;
    try {
      say(at('happened'), await act());
    } catch (error) {
      say(at('happened'), `That did not work: ${/** @type {Error} */ (error).message}`);
    } finally {
      at(name).disabled = false;
      showVisits();
    }
  });
}

/** @param {string} text @param {string} kind */
function showConnection(text, kind) {
  say(at('connection'), text);
  at('connection').className = `badge ${kind}`;
}

/** Looks at the figures, which a worker fetches for this page; one that is blocked is not waited for. */
async function look() {
  try {
    const response = await fetch('/status', { cache: 'no-store', signal: AbortSignal.timeout(2000) });
    status = await response.json();
    view.show(status);
    const { value } = await (await fetch('/count', { cache: 'no-store' })).json();
    say(at('clicks'), count(value));
    say(at('many'), String(status.servers[0].workers.length));
    showConnection('live', 'good');
  } catch {
    showConnection('no answer', 'bad');
  }
  await new Promise((resolve) => setTimeout(resolve, 250));
}

for (;;) {
  await look();
  await visit('/who');
  showVisits();
  await new Promise((resolve) => setTimeout(resolve, 750));
}
