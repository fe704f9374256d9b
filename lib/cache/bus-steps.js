/**
 * Operations of caches, one after the other, each told what the last has answered: with a promise for each, or at once where the
 * memory is that of this process.
 */

const { memoryOf } = require('./lru-cache-clustered.js');
const { getWithVersion, invalidateTags, setIfVersion } = require('./one-step.js');
const { deleteAll, setIfAbsent } = require('./operations.js');

/** @typedef {[cache: any, operation: keyof typeof now, ...given: any[]]} Step */
/** @template T @typedef {Generator<Step, T, any>} Steps */

/** What each is without a promise. It fails where a lock is in the way. */
const now = { getWithVersion, invalidateTags, mDelete: deleteAll, setIfAbsent, setIfVersion };

/** @template T @param {Steps<T>} steps @returns {Promise<T>} */
async function inTurns(steps) {
  let step = steps.next();
  while (!step.done) {
    const [cache, operation, ...given] = step.value;
    /** @type {{ answer?: any, error?: unknown }} */
    const outcome = await cache[operation](...given).then(answered, failed);
    step = goOn(steps, outcome);
  }
  return step.value;
}

/** @template T @param {Steps<T>} steps @returns {T} */
function atOnce(steps) {
  let step = steps.next();
  while (!step.done) step = goOn(steps, outcomeOf(step.value));
  return step.value;
}

/** @param {Step} step */
function outcomeOf([cache, operation, ...given]) {
  try {
    return answered(/** @type {any} */ (now[operation])(memoryOf(cache), ...given));
  } catch (error) {
    return failed(error);
  }
}

const answered = (/** @type {any} */ answer) => ({ answer });
const failed = (/** @type {unknown} */ error) => ({ error });

/** @param {Steps<any>} steps @param {{ answer?: any, error?: unknown }} outcome */
const goOn = (steps, outcome) =>
  'error' in outcome ? steps.throw(outcome.error) : steps.next(outcome.answer);

module.exports = { atOnce, inTurns };
