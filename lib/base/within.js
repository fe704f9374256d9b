/**
 * What a promise brings, or what `late` makes when the time is over first. Until one of
 * them happens the process stays alive: if nothing else keeps it, somebody still waits to hear of this.
 *
 * @template T
 * @template L
 * @param {number} ms
 * @param {PromiseLike<T>} promise
 * @param {() => L} late may throw
 * @returns {Promise<T | L>}
 */
function within(ms, promise, late) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      try {
        resolve(late());
      } catch (error) {
        reject(error);
      }
    }, ms);
    promise.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

module.exports = within;
