/** So many calls are on their way to Redis at a time: the last of a hundred thousand would wait longer than a call may. */
const AT_ONCE = 256;

/**
 * @template I, O
 * @param {I[]} list
 * @param {(item: I) => Promise<O> | O} act
 * @returns {Promise<O[]>}
 */
async function inParts(list, act) {
  const answers = [];
  for (let at = 0; at < list.length; at += AT_ONCE) {
    for (const answer of await Promise.all(list.slice(at, at + AT_ONCE).map(act))) answers.push(answer);
  }
  return answers;
}

module.exports = { inParts };
