/**
 * How a generation is: its checks, each asked by itself and bounded in time.
 *
 * A check can throw, hang or lie. One that throws or brings anything but `true` has failed; one that hangs has
 * failed after its time, and is not asked again before it has answered, so that a thousand probes do not start a
 * thousand queries at a database that hangs.
 */

/** @import { HealthReport } from '../../index.js' */
/** @import { Check } from './context.js' */

const { memoryUsage } = require('../base/memory-usage.js');
const within = require('../base/within.js');

class Health {
  /** @type {Map<string, Promise<boolean>>} checks under way */
  #asked = new Map();

  /**
   * @param {() => Check[]} checks
   * @param {number} timeoutMs
   */
  constructor(checks, timeoutMs) {
    this.checks = checks;
    this.timeoutMs = timeoutMs;
  }

  /** @param {Check} check */
  #outcome({ name, run }) {
    const asked = this.#asked.get(name);
    if (asked) return asked;
    const answer = Promise.resolve()
      .then(run)
      .then(
        (brought) => brought === true,
        () => false,
      )
      .finally(() => this.#asked.delete(name));
    this.#asked.set(name, answer);
    return answer;
  }

  /** @returns {Promise<Record<string, boolean>>} */
  async outcomes() {
    const pairs = this.checks().map(async (check) => {
      const outcome = await within(this.timeoutMs, this.#outcome(check), () => false);
      return /** @type {const} */ ([check.name, outcome]);
    });
    return Object.fromEntries(await Promise.all(pairs));
  }

  /** @returns {Promise<HealthReport>} */
  async report() {
    const checks = await this.outcomes();
    const healthy = Object.values(checks).every((outcome) => outcome);
    return {
      status: healthy ? 'healthy' : 'unhealthy',
      checks,
      uptime: process.uptime(),
      memory: memoryUsage(),
    };
  }
}

module.exports = { Health };
