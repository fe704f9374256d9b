/**
 * How all workers of a clustered server are, together: each is asked by a message, and one that does not answer in time
 * is not well.
 */

/** @import { HealthReport } from '../../index.js' */
/** @import { Instance as Pool } from '../cluster/pool.js' */
/** @import { Instance as Post } from '../cluster/post.js' */

const { memoryUsage } = require('../base/memory-usage.js');
const { isFigure } = require('../cluster/messages.js');
const within = require('../base/within.js');

/** What a worker's answer may take beside its checks. */
const onTheWayMs = 500;

class RollCall {
  /** Who was asked, and what takes the answer. @type {Map<number, { post: Post, answer: (report: any) => void }>} */
  #questions = new Map();
  #ids = 0;
  #patienceMs;

  /**
   * @param {number} wanted how many workers there should be
   * @param {number} healthCheckTimeoutMs
   */
  constructor(wanted, healthCheckTimeoutMs) {
    /** How many workers there should be. */
    this.wanted = wanted;
    this.#patienceMs = healthCheckTimeoutMs + onTheWayMs;
  }

  /** @param {Pool | undefined} pool @returns {Promise<HealthReport>} */
  async take(pool) {
    const reports = await Promise.all((pool?.serving ?? []).map((post) => this.#ask(post)));
    return combined(reports, this.wanted);
  }

  /** @param {Post} post */
  #ask(post) {
    const id = ++this.#ids;
    const answered = new Promise((answer) => this.#questions.set(id, { post, answer }));
    post.send({ type: 'flotilla:how-are-you', id });
    return within(this.#patienceMs, answered, () => undefined).finally(() => this.#questions.delete(id));
  }

  /**
   * @param {Post} post
   * @param {any} message whatever a worker sends, and it may be anything
   */
  heed(post, { id, report }) {
    const question = this.#questions.get(id);
    // It cannot answer for another.
    if (question?.post === post) question.answer(readReport(report));
  }
}

/**
 * @param {any} told
 * @returns {any} nothing where that is no report
 */
function readReport(told) {
  const isObject = (/** @type {unknown} */ part) => typeof part === 'object' && part !== null;
  return [told, told?.checks, told?.memory].every(isObject) ? told : undefined;
}

/**
 * @param {any[]} reports what workers said of themselves; nothing where one did not answer
 * @param {number} wanted
 */
function combined(reports, wanted) {
  const memory = /** @type {any} */ (memoryUsage());
  /** @type {Record<string, boolean>} */
  const checks = {};
  for (const report of reports) {
    for (const [name, outcome] of Object.entries(report?.checks ?? {})) {
      checks[name] = (checks[name] ?? true) && outcome === true;
    }
    for (const name of Object.keys(memory)) {
      if (isFigure(report?.memory[name])) memory[name] += report.memory[name];
    }
  }
  // Only where it is not so: a worker that is missing, or so busy that it says nothing.
  if (reports.length < wanted || reports.includes(undefined)) checks.workers = false;
  const healthy = Object.values(checks).every((outcome) => outcome);
  return {
    status: /** @type {any} */ (healthy ? 'healthy' : 'unhealthy'),
    checks,
    uptime: process.uptime(),
    memory,
  };
}

module.exports = { RollCall };
