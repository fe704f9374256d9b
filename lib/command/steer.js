/** The verbs that ask a running server for something, and say what it answered. */

/** @import { Call } from './verbs.js' */

const { nameOfFolder } = require('./configuration.js');
const { ask } = require('./control/client.js');
const { find } = require('./control/find.js');
const { cacheTable, statusTable } = require('./table.js');
const { workersKind } = require('./knobs.js');
const { humanSize, humanTime } = require('./units.js');

/** @param {Call} call */
const socketOf = ({ given: { name, control } }) => {
  const cwd = process.cwd();
  return find({ name, control }, { cwd, env: process.env, usual: () => nameOfFolder(cwd) });
};

/**
 * @param {Call} call
 * @param {any} result
 * @param {string} sentence
 */
function tell({ given }, result, sentence) {
  process.stdout.write(`${given.json ? JSON.stringify(result) : sentence}\n`);
  return 0;
}

/** @param {Call} call */
async function reload(call) {
  const { sentence, ...result } = await ask(await socketOf(call), 'reload');
  return tell(call, result, sentence);
}

/** @param {Call} call */
async function stop(call) {
  const result = await ask(await socketOf(call), 'stop');
  tell(
    call,
    result,
    result.answered ? 'stopped; all that was under way was answered' : 'stopped; some requests were cut',
  );
  return result.answered ? 0 : 1;
}

/** @param {Call} call */
async function scale(call) {
  const workers = workersKind.read('the number of workers', call.target);
  const result = await ask(await socketOf(call), 'scale', { workers });
  return tell(call, result, `${result.workers} ${result.workers === 1 ? 'worker' : 'workers'}`);
}

/** @param {Call} call */
async function restartWorker(call) {
  const result = await ask(await socketOf(call), 'restart-worker', { worker: call.target });
  return tell(call, result, `worker ${result.worker} was replaced by a fresh one`);
}

/** @param {Call} call */
async function status(call) {
  const result = await ask(await socketOf(call), 'status');
  return tell(call, result, statusTable(result).join('\n'));
}

/** @param {Call} call */
async function inspect(call) {
  const result = await ask(await socketOf(call), 'inspect');
  tell(call, result, inspection(result).join('\n'));
  return result.segment?.wrong ? 1 : 0;
}

/** @param {import('../cache/survey.js').UnderWay[]} underWay */
function underWayLines(underWay) {
  const locks = underWay.flatMap(({ name, busy }) => (busy ? `lock of ${name}: ${busy}` : []));
  const flights = underWay.flatMap(({ name, flights = [] }) =>
    flights.map(({ key, leader, leftMs, followers }) => {
      const who = leader === null ? 'a process that has gone' : `process ${leader}`;
      const left = leftMs < 0 ? 'another may take it over' : `${humanTime(leftMs)} left`;
      return `flight in ${name}: ${JSON.stringify(key)} by ${who}, ${left}, ${followers} waiting`;
    }),
  );
  return [...locks, ...flights];
}

/**
 * @param {object} found
 * @param {import('../cache/survey.js').SurveyedSegment | null} found.segment
 * @param {import('../cache/survey.js').Surveyed[]} found.caches
 * @param {import('../cache/survey.js').UnderWay[]} found.underWay
 */
function inspection({ segment, caches, underWay }) {
  if (!segment) return ['there is no segment: the workers ask the primary over messages, or use no cache'];
  const { namespaces, bytes, capacityBytes, memoryEvictions, recoveries, wrong, unknown } = segment;
  const sound = unknown ? `not looked over: ${unknown}` : 'sound: all that it says of itself holds';
  return [
    `segment: ${namespaces} ${namespaces === 1 ? 'namespace' : 'namespaces'}, ${humanSize(bytes)} of ${humanSize(capacityBytes)}, ${memoryEvictions} evictions for want of memory, ${recoveries} recoveries`,
    wrong ? `NOT SOUND: ${wrong}` : sound,
    ...cacheTable(caches),
    ...underWayLines(underWay),
  ];
}

module.exports = { inspect, reload, restartWorker, scale, socketOf, status, stop };
