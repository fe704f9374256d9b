// How many calls make a round of the wanted length.
//
// The count doubles until a run is long enough to trust, and is then scaled. The runs before the last also
// bring the code to V8's optimizing compiler, so the last one measures what the rounds will measure.

const MOST_CALLS = 2 ** 31;

/**
 * @param {(calls: number) => number | Promise<number>} run runs that many calls, gives the nanoseconds they took
 * @param {number} targetNanoseconds
 * @returns {Promise<number>} at least 1
 */
export async function calibrate(run, targetNanoseconds) {
  let calls = 1;
  for (;;) {
    const elapsed = await run(calls);
    if (elapsed >= targetNanoseconds / 4 || calls >= MOST_CALLS) {
      return Math.min(
        MOST_CALLS,
        Math.max(1, Math.round((calls * targetNanoseconds) / Math.max(1, elapsed))),
      );
    }
    calls *= 2;
  }
}
