/** What a server is doing, as lines for people. `top` and `status` show the same; nothing in it needs colours. */

const { humanSize, humanTime } = require('./units.js');

/** @typedef {import('../lifecycle/any-app.js').WorkerStatus} WorkerStatus */
/** @typedef {import('../cache/survey.js').Surveyed} Surveyed */
/** @typedef {import('../lifecycle/any-app.js').AnyAppStatus & { caches: Surveyed[], name: string, pid: number, flotilla: string, node: string, script: string,
 *   uptimeMs: number }} Status */

/** @param {number | undefined} value @param {(value: number) => string} write */
const or = (value, write) => (value === undefined ? '-' : write(value));

/** @type {[string, (worker: WorkerStatus, rate: number | undefined) => string][]} */
const columns = [
  ['worker', ({ index }) => String(index)],
  ['pid', ({ pid }) => String(pid)],
  ['state', ({ state }) => state],
  ['CPU', ({ cpuPercent }) => or(cpuPercent, (percent) => `${percent.toFixed(0)}%`)],
  ['memory', ({ rssBytes }) => or(rssBytes, humanSize)],
  ['lag', ({ eventLoopLagMs }) => or(eventLoopLagMs, (ms) => `${ms.toFixed(1)} ms`)],
  ['req/s', (_, rate) => or(rate, (value) => value.toFixed(0))],
  ['in flight', ({ inFlightRequests }) => String(inFlightRequests)],
  ['connections', ({ connections }) => String(connections)],
  ['restarts', ({ restarts }) => String(restarts)],
  ['up', ({ uptimeMs }) => humanTime(uptimeMs)],
];

/** @param {string[][]} rows the first is the head */
function aligned(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) => row.map((cell, column) => cell.padStart(widths[column])).join('  '));
}

/** @param {Status} status */
function headOf({ name, pid, state, generation, wanted, workers, uptimeMs, addresses, flotilla, node }) {
  const serving = workers.filter((worker) => worker.state === 'ready').length;
  const where = addresses.map((each) => {
    const how = each.mode === 'handoff' ? 'handed over' : `forwarded${each.why ? `: ${each.why}` : ''}`;
    return `  ${each.name} (${how})`;
  });
  return [
    `${name}: ${state}, ${serving} of ${wanted} workers, generation ${generation}, up ${humanTime(uptimeMs)}, pid ${pid}, flotilla ${flotilla} on Node.js ${node}`,
    ...(where.length > 0 ? where : ['  listens on nothing yet']),
  ];
}

/**
 * @param {Status} status
 * @param {Map<number, number>} [rates] requests a second, by the pids of workers
 * @returns {string[]}
 */
function statusTable(status, rates) {
  const shown = rates ? columns : columns.filter(([title]) => title !== 'req/s');
  const rows = status.workers.map((worker) =>
    shown.map(([, write]) => write(worker, rates?.get(worker.pid))),
  );
  const workers = aligned([shown.map(([title]) => title), ...rows]);
  return [...headOf(status), '', ...workers, ...cacheTable(status.caches)];
}

/**
 * @param {Surveyed[]} caches
 * @returns {string[]} nothing where there is none
 */
function cacheTable(caches) {
  if (caches.length === 0) return [];
  const rows = caches.map(({ name, entries, bytes, hits = 0, misses = 0, sets, evictions, busy }) => {
    if (busy !== undefined) return [name, 'busy', '-', '-', '-', '-'];
    const asked = hits + misses;
    const share = asked === 0 ? '-' : `${((100 * hits) / asked).toFixed(0)}%`;
    return [name, String(entries), humanSize(Number(bytes)), share, String(sets), String(evictions)];
  });
  return ['', ...aligned([['cache', 'entries', 'memory', 'hits', 'sets', 'evictions'], ...rows])];
}

/**
 * Requests a second between two looks.
 *
 * @param {Status} before
 * @param {Status} after
 * @returns {Map<number, number>}
 */
function ratesBetween(before, after) {
  const seconds = Math.max((after.uptimeMs - before.uptimeMs) / 1000, 0.001);
  const earlier = new Map(before.workers.map(({ pid, servedRequests }) => [pid, servedRequests]));
  /** @type {Map<number, number>} */
  const rates = new Map();
  for (const { pid, servedRequests } of after.workers) {
    const known = earlier.get(pid);
    if (servedRequests !== undefined) rates.set(pid, Math.max(0, servedRequests - (known ?? 0)) / seconds);
  }
  return rates;
}

module.exports = { cacheTable, ratesBetween, statusTable };
