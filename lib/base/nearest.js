/** Which of the names that are known was meant by one that is not. */

/**
 * How many letters have to be changed, added, left out or swapped with the next to make one of the other.
 *
 * @param {string} from
 * @param {string} to
 */
function distance(from, to) {
  /** @type {number[][]} */
  const rows = [Array.from({ length: to.length + 1 }, (_, column) => column)];
  for (let row = 1; row <= from.length; row++) {
    rows[row] = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      const swapped =
        row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      rows[row][column] = Math.min(
        rows[row - 1][column] + 1,
        rows[row][column - 1] + 1,
        rows[row - 1][column - 1] + (same ? 0 : 1),
        swapped ? rows[row - 2][column - 2] + 1 : Number.POSITIVE_INFINITY,
      );
    }
  }
  return rows[from.length][to.length];
}

/** Longer ones are no slip of the pen. */
const LONGEST = 40;

/**
 * @param {string} name
 * @param {readonly string[]} known
 * @returns {string | undefined} what was meant, if one name in three letters is not another
 */
function nearest(name, known) {
  if (name.length > LONGEST) return undefined;
  const [near] = known
    .map((other) => ({ other, apart: distance(name.toLowerCase(), other.toLowerCase()) }))
    .filter(({ other, apart }) => apart <= Math.ceil(Math.min(name.length, other.length) / 3))
    .sort((a, b) => a.apart - b.apart);
  return near?.other;
}

module.exports = { LONGEST, distance, nearest };
