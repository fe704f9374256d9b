// The order in which contestants take their turns.
//
// Every round runs every contestant once. The order is shuffled, and each second round runs the order of
// the one before backwards: whatever drifts steadily (heat, clock speed, a growing heap) then weighs on all
// contestants alike. The generator is seeded, so a run can be repeated in the same order.

/**
 * A small generator of numbers from 0 up to 1 (a Weyl sequence put through a 32-bit mixer).
 *
 * @param {number} seed
 * @returns {() => number}
 */
export function seededGenerator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 0x100000000;
  };
}

/**
 * @template T
 * @param {readonly T[]} contestants
 * @param {number} rounds
 * @param {number} seed
 * @returns {T[][]} one order for each round
 */
export function turns(contestants, rounds, seed) {
  const random = seededGenerator(seed);
  /** @type {T[][]} */
  const orders = [];
  while (orders.length < rounds) {
    const left = [...contestants];
    const order = contestants.flatMap(() => left.splice(Math.floor(random() * left.length), 1));
    orders.push(order, [...order].reverse());
  }
  return orders.slice(0, rounds);
}
