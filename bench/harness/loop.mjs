// The timing loops. This module is imported anew for each contestant (harness/call.mjs adds a query to its
// address), so that each has a call site of its own: in a shared one V8 would inline the first contestant
// and call the later ones through a slower path.
//
// Every result is stored where V8 must assume that someone reads it, so it can neither drop nor hoist the work.

/** @type {unknown[]} */
const kept = [undefined, 0, '', {}, null, 1.5, true, []];

/**
 * @param {(turn: number) => unknown} call
 * @param {number} calls
 * @returns {number} nanoseconds for all of them
 */
export function loop(call, calls) {
  const start = process.hrtime.bigint();
  for (let turn = 0; turn < calls; turn++) kept[turn & 7] = call(turn);
  return Number(process.hrtime.bigint() - start);
}

/**
 * @param {(turn: number) => unknown} call
 * @param {number} calls
 * @returns {Promise<number>} nanoseconds for all of them, each awaited before the next
 */
export async function awaitedLoop(call, calls) {
  const start = process.hrtime.bigint();
  for (let turn = 0; turn < calls; turn++) kept[turn & 7] = await call(turn);
  return Number(process.hrtime.bigint() - start);
}
